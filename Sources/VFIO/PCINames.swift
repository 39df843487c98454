internal import CPCI

/// The names of PCI functions in the host's list `pci.ids`, which libpci reads.
///
/// The list, more than a megabyte, is read at the first question and held until the object goes. No
/// device and no network is asked. Used by one thread at a time.
@safe package final class PCINames {
  private let path: String?
  private var isLoaded = false
  /// What libpci keeps the list in; nil before it is loaded and when there is none.
  private var access: UnsafeMutablePointer<pci_access>?

  /// Takes the list at a path in place of the host's.
  package init(path: String? = nil) { self.path = path }

  deinit {
    // Made by this object and given to nobody.
    if let access = unsafe access { unsafe pci_cleanup(access) }
  }

  /// The function's name and numbers, such as `Intel Corporation 82574L Gigabit Network Connection
  /// [8086:10d3]`; the numbers alone when there is no list.
  package func text(for identity: PCIIdentity) -> String {
    if !isLoaded {
      isLoaded = true
      unsafe access = cpci_load_names(path)
    }
    guard let access = unsafe access else { return identity.description }
    var text = [CChar](repeating: 0, count: 1024)
    // The buffer is larger than any line of the list, and libpci ends the text with a zero.
    return unsafe text.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress,
        let name = unsafe cpci_function_name(
          access, start, Int32(buffer.count), Int32(identity.vendor), Int32(identity.device))
      else { return identity.description }
      return unsafe String(cString: name)
    }
  }
}
