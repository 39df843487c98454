package import HostKernel
package import Hypervisor

/// What a machine without firmware puts into RAM and into its first CPU so that a guest starts: the
/// kernel as its boot protocol wants it, what goes with it, and ACPI tables.
///
/// A plan changes nothing. It is written at each reset.
package struct BootPlan: Sendable {
  /// How the kernel is told about the machine.
  package enum BootProtocol: Equatable, Sendable {
    /// Linux's 64-bit protocol (Documentation/arch/x86/boot.rst), at the image's entry + 0x200.
    case linux64
    /// Linux's 32-bit protocol, for kernels that know no other.
    case linux32
    /// PVH: 32-bit code with `hvm_start_info` (Xen's public/arch-x86/hvm/start_info.h).
    case pvh
    /// Multiboot 0.6.96.
    case multiboot
  }

  package let bootProtocol: BootProtocol
  /// By address, disjoint, all in RAM below 4 GiB.
  package let segments: [BootSegment]
  /// The first CPU's state; the others wait to be started.
  package let cpu: CPUState
  /// What the guest is told of its address space: sorted, disjoint.
  package let memoryMap: [MemoryMapEntry]

  /// Calls `store` with bytes and their guest-physical addresses, in pieces of at most 1 MiB. Throws
  /// when a file cannot be read any more.
  package func write(
    _ store: (_ address: UInt64, _ bytes: [UInt8]) -> Void
  ) throws(BootError) {
    for segment in segments { try segment.write(store) }
  }
}

extension BootPlan {
  /// Opens the files on `kernel`, looks at what they are and places them.
  package init(
    _ payload: GuestPayload, on platform: BootPlatform, from kernel: any HostKernel
  ) throws(BootError) {
    try self.init(payload, on: platform) { path, role throws(BootError) in
      try BootFile(opening: path, as: role, on: kernel)
    }
  }

  /// Places what `open` gives for the paths of `payload`. The kernel's kind is looked for in QEMU's
  /// order: a Linux header, then a multiboot header, then ELF with a PVH note.
  package init(
    _ payload: GuestPayload, on platform: BootPlatform,
    opening open: (_ path: String, BootError.Role) throws(BootError) -> any BootSource
  ) throws(BootError) {
    let image = try open(payload.kernel, .kernel)
    let head = try image.head(MultibootHeader.searchedBytes)
    if head.isEmpty { throw BootError(image.path, .emptyKernel) }
    var assembly = try BootAssembly(platform, kernel: image)
    if LinuxHeader.isPresent(in: head) {
      let header = try LinuxHeader(head, of: image)
      let disk = try payload.initrd.map { path throws(BootError) in
        try open(path, .initialRAMDisk)
      }
      self = try assembly.linux(header, disk, payload)
    } else if let header = MultibootHeader(findingIn: head) {
      let modules = try MultibootModule.list(payload.initrd).map { module throws(BootError) in
        (module.text, try open(module.path, .module))
      }
      self = try assembly.multiboot(header, head, modules, payload)
    } else if ELFImage.isPresent(in: head) {
      let elf = try ELFImage(image)
      let disk = try payload.initrd.map { path throws(BootError) in
        try open(path, .initialRAMDisk)
      }
      self = try assembly.pvh(elf, disk, payload)
    } else {
      throw BootError(image.path, .notAKernel)
    }
  }
}
