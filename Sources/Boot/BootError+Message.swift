internal import SystemPackage

extension BootError {
  /// What happened, in QEMU's words where it has any.
  package var message: String {
    switch failure {
    case .cannotOpen(.kernel, let error):
      "could not open kernel file '\(path)': \(error.description)"
    case .cannotOpen(.initialRAMDisk, let error):
      "error reading initrd \(path): \(error.description)"
    case .cannotOpen(.module, let error):
      "Failed to open file '\(path)': \(error.description)"
    case .notAFile(.kernel): "could not load kernel '\(path)': not a regular file"
    case .notAFile(.initialRAMDisk): "error reading initrd \(path): not a regular file"
    case .notAFile(.module): "Failed to open file '\(path)': not a regular file"
    case .unreadable(let error): "could not read '\(path)': \(error.description)"
    case .endsEarly(let needed, let size):
      "could not load '\(path)': it ends after \(size) bytes, \(needed) are needed"
    case .emptyKernel: "could not load kernel '\(path)': the file is empty"
    case .notAKernel:
      "could not load kernel '\(path)': neither a Linux bzImage, nor a multiboot kernel, nor an ELF "
        + "kernel"
    case .invalidLinuxHeader(let fault): "invalid kernel header: \(fault.text)"
    case .protocolTooOld(let version):
      "could not load kernel '\(path)': its Linux boot protocol is \(version >> 8)."
        + "\(Self.twoDigits(version & 0xff)), 2.10 is needed"
    case .invalidELF(let fault): "Error while loading elf kernel: \(fault.text)"
    case .noPVHNote: "Error loading uncompressed kernel without PVH ELF Note"
    case .multibootELF64: "Cannot load x86-64 image, give a 32bit one."
    case .invalidMultiboot(let fault):
      fault == .truncated ? "invalid multiboot header" : "invalid \(fault.rawValue) address"
    case .kernelTooLarge(let end, let memory):
      "could not load kernel '\(path)': it needs memory up to \(end.hex), the guest has "
        + "\(memory.hex) bytes below 4 GiB"
    case .kernelOnTables(let range):
      "could not load kernel '\(path)': it wants memory from \(range.lowerBound.hex) to "
        + "\(range.upperBound.hex), part of which holds the machine's ACPI tables"
    case .initialRAMDiskTooLarge(let size, let largest, _):
      "initrd is too large, cannot support.(max: \(largest), need \(size))"
    case .commandLineTooLong(let length, let limit):
      "could not load kernel '\(path)': the command line has \(length) bytes, the kernel takes "
        + "\(limit)"
    case .memoryTooSmall(let memory, _):
      "could not load kernel '\(path)': \(memory) bytes of guest memory are too little"
    }
  }

  /// Who is at fault and what to do, each line without a prefix.
  package var hints: [String] {
    switch failure {
    case .cannotOpen(_, .noSuchFileOrDirectory):
      ["There is no such file. Look for a spelling mistake in the path."]
    case .cannotOpen(_, .permissionDenied):
      ["This user may not read the file. Change its mode, or run as a user who may."]
    case .cannotOpen, .unreadable:
      []
    case .notAFile:
      ["A kernel, an initrd or a module is read at any offset: give a regular file, not a pipe."]
    case .endsEarly, .emptyKernel:
      ["The file is incomplete: build or copy it again."]
    case .notAKernel:
      [
        "Give -kernel an arch/x86/boot/bzImage, a vmlinux built with CONFIG_PVH, or a multiboot 1 "
          + "image; a compressed file (.gz, .xz, .zst) has to be unpacked."
      ]
    case .invalidLinuxHeader(.loadedLow):
      ["The kernel is a zImage, loaded below 1 MiB. Build a bzImage."]
    case .invalidLinuxHeader, .invalidELF, .invalidMultiboot:
      ["The kernel's file is damaged, or its build went wrong: build or copy it again."]
    case .protocolTooOld:
      ["The kernel is older than Linux 2.6.31. Use a newer one."]
    case .noPVHNote:
      ["The kernel was built without CONFIG_PVH. Build with it, or give the bzImage instead."]
    case .multibootELF64:
      ["Multiboot 1 starts 32-bit code: link the payload as elf32-i386, or give it a PVH note."]
    case .kernelTooLarge(let end, _):
      [Self.memoryHint(BootPlatform.memoryWith(lowMemory: end), "kernel")]
    case .kernelOnTables:
      [
        "The tables start at \(BootLayout.tables.lowerBound.hex): link the kernel to 1 MiB or above."
      ]
    case .initialRAMDiskTooLarge(_, _, let enough):
      [Self.memoryHint(enough, "kernel with this initrd")]
    case .commandLineTooLong:
      ["Shorten -append."]
    case .memoryTooSmall(_, let enough):
      [Self.memoryHint(enough, "kernel")]
    }
  }

  private static func memoryHint(_ enough: UInt64?, _ what: String) -> String {
    guard let enough else { return "No size of guest memory is enough: make it smaller." }
    let mebibytes = enough >> 20 + (enough & 0xf_ffff == 0 ? 0 : 1)
    return "The guest needs more memory: -m \(mebibytes)M is enough to load this \(what)."
  }

  private static func twoDigits(_ number: UInt16) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}

extension BootError.LinuxHeaderFault {
  var text: String {
    switch self {
    case .truncated: "the file ends inside it"
    case .setupBeyondFile: "the file ends before the kernel's own code"
    case .loadedLow: "the kernel is not made to be loaded at 1 MiB"
    case .alignment(let alignment): "kernel_alignment \(UInt64(alignment).hex) is no power of two"
    case .address(let address): "the kernel cannot be loaded at \(address.hex)"
    }
  }
}

extension BootError.ELFFault {
  var text: String {
    switch self {
    case .truncated: "the file ends inside its headers"
    case .machine(let machine): "it is for machine \(machine), not for x86"
    case .programHeaders: "its program headers make no sense"
    case .segment(let index): "segment \(index) makes no sense"
    case .overlap(let address): "two segments are loaded to \(address.hex)"
    case .entry(let entry): "it starts at \(entry.hex), where none of its segments is"
    case .nothingToLoad: "it has no segment to load"
    }
  }
}
