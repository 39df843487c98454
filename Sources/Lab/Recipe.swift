/// Something that is built once and cached: a script under `machines/lab` and the files it reads.
package enum Recipe: String, CaseIterable, Sendable {
  /// The lab's Linux kernel and its user-space headers.
  case kernel
  /// The Debian root with QEMU, and the initramfs.
  case root

  /// The script's file name. It takes the folder to make as its argument.
  package var script: String { "build-\(rawValue)" }

  /// The files that decide what the script makes, the script included.
  package var files: [String] {
    switch self {
    case .kernel: ["build-kernel", "kernel.config", "recipe.sh"]
    case .root: ["build-root", "init", "recipe.sh"]
    }
  }

  /// The folder that holds the result: one a recipe and hash, beneath the cache folder.
  package func folder(in cache: String, key: RecipeKey) -> String {
    "\(cache)/\(rawValue)-\(key)"
  }

  /// The lab's cache folder, outside the checkout.
  ///
  /// - Throws: `LabError.noCacheFolder` when the environment names no absolute path.
  package static func cacheFolder(environment: [String: String]) throws(LabError) -> String {
    if let cache = environment["XDG_CACHE_HOME"], cache.first == "/" {
      return "\(cache)/swiftvmm/lab"
    }
    if let home = environment["HOME"], home.first == "/" {
      return "\(home)/.cache/swiftvmm/lab"
    }
    throw .noCacheFolder
  }
}
