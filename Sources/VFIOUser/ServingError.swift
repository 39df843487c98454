package import HostKernel
package import PCI

/// Why a function cannot be served.
package enum ServingError: Error, Equatable {
  /// The function is a bridge.
  case notAnEndpoint(PCIAddress)
  /// A virtual function shares config space with its physical function.
  case virtualFunction(PCIAddress, of: PCIAddress)
  case listen(UnixListenerError)
}

extension ServingError: CustomStringConvertible {
  /// One line: what is wrong, and what to do.
  package var description: String {
    switch self {
    case .notAnEndpoint(let address):
      "\(address) is a bridge: serve a function behind it and give QEMU a pcie-root-port"
    case .virtualFunction(let address, let physical):
      "\(address) is a virtual function of \(physical): serve a function of its own"
    case .listen(.pathTooLong(let path, let limit)):
      "the socket's path '\(path)' is too long: give one of less than \(limit) bytes"
    case .listen(let error): "\(error): give a socket in a folder that you may write to"
    }
  }
}
