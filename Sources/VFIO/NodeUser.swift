package import HostKernel

/// A process that has a node under `/dev/vfio` open.
package struct NodeUser: Sendable, Equatable {
  package let process: Int
  /// The name of its program, at most 15 bytes; nil when the host does not tell.
  package let command: String?
  /// The node, such as `/dev/vfio/12`.
  package let node: String

  package init(process: Int, command: String?, node: String) {
    self.process = process
    self.command = command
    self.node = node
  }

  /// Who has what open: `Process 4711 (qemu-system-x86) has /dev/vfio/12 open`.
  var state: String {
    "Process \(process)\(command.map { " (\($0))" } ?? "") has \(node) open"
  }
}

extension HostDevicePath {
  /// The other processes that have a node of the function's group open, by number, each with the first
  /// node found. Those of other users are seen by root only.
  package func users(on kernel: any HostKernel) -> [NodeUser] {
    let nodes = nodes(on: kernel)
    let own = try? kernel.link(at: "/proc/self")
    guard !nodes.isEmpty, let names = try? kernel.entries(of: "/proc") else { return [] }
    return names.compactMap(Int.init).sorted().compactMap { process in
      guard String(process) != own,
        let descriptors = try? kernel.entries(of: "/proc/\(process)/fd")
      else { return nil }
      for descriptor in descriptors {
        guard let target = try? kernel.link(at: "/proc/\(process)/fd/\(descriptor)"),
          nodes.contains(target)
        else { continue }
        return NodeUser(
          process: process, command: Self.command(of: process, on: kernel), node: target)
      }
      return nil
    }
  }

  /// The nodes by which the function's group can be used: the group's, and each member's.
  private func nodes(on kernel: any HostKernel) -> Set<String> {
    guard let group = try? group(on: kernel) else { return [] }
    var nodes: Set<String> = ["/dev/vfio/\(group)", "/dev/vfio/noiommu-\(group)"]
    for member in groupMembers(on: kernel) {
      let folder = "\(HostDevicePath(pciAddress: member.name).path)/vfio-dev"
      guard let names = try? kernel.entries(of: folder) else { continue }
      nodes.formUnion(names.map { "/dev/vfio/devices/\($0)" })
    }
    return nodes
  }

  private static func command(of process: Int, on kernel: any HostKernel) -> String? {
    guard let bytes = try? kernel.contents(of: "/proc/\(process)/comm") else { return nil }
    let printable = bytes.prefix { $0 != 0x0a }.filter { $0 >= 0x20 && $0 != 0x7f }
    return printable.isEmpty ? nil : String(decoding: printable, as: UTF8.self)
  }
}
