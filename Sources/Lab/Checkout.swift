import Glibc

/// The checkout that the lab belongs to, found by its folder `machines/lab`.
package struct Checkout: Sendable {
  /// The top folder, an absolute path.
  package let path: String

  /// The recipes, machine descriptions and scenarios.
  package var labFolder: String { "\(path)/machines/lab" }

  /// Looks upward from the working folder, then from this program's own file.
  ///
  /// - Throws: `LabError.noCheckout` when neither is inside a checkout.
  package init() throws(LabError) {
    let starts = [Files.resolve("."), Files.resolve("/proc/self/exe")]
    for case var folder? in starts {
      while true {
        if Files.exists("\(folder)/machines/lab/kernel.config") {
          path = folder
          return
        }
        guard let parent = Files.parent(of: folder) else { break }
        folder = parent
      }
    }
    throw .noCheckout(startedAt: starts.compactMap { $0 }.first ?? ".")
  }

  /// The scenarios there are, by name.
  package func scenarios() throws(LabError) -> [Scenario] {
    let folder = "\(labFolder)/scenarios"
    var scenarios: [Scenario] = []
    for name in try Files.list(folder) where Files.isExecutableFile("\(folder)/\(name)") {
      scenarios.append(try Scenario(name: name, script: try Files.readText("\(folder)/\(name)")))
    }
    return scenarios
  }

  /// Where the machine description called `name` is.
  package func machinePath(_ name: String) -> String { "\(labFolder)/\(name).machine" }

  /// Reads a machine description; without a path, `default.machine`.
  package func machine(_ path: String?) throws(LabError) -> MachineDescription {
    let file = path ?? machinePath("default")
    return try MachineDescription(parsing: try Files.readText(file), file: file)
  }

  /// The cache key of a recipe as it is in this checkout.
  func key(of recipe: Recipe) throws(LabError) -> RecipeKey {
    var files: [(name: String, content: [UInt8])] = []
    for name in recipe.files {
      files.append((name: name, content: try Files.read("\(labFolder)/\(name)")))
    }
    return RecipeKey(files: files)
  }

  /// A program of this package: beside this program's own file, then in the release folder.
  func builtProgram(_ name: String) -> String? {
    var folders = ["\(path)/.build/release"]
    if let own = Files.resolve("/proc/self/exe").flatMap({ Files.parent(of: $0) }) {
      folders.insert(own, at: 0)
    }
    return folders.lazy.map { "\($0)/\(name)" }.first { Files.isExecutableFile($0) }
  }
}
