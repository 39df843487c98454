package import SystemPackage

/// Why a guest cannot be started from what the user gave, as facts.
package struct BootError: Error, Equatable, Sendable {
  /// The file at fault.
  package let path: String
  package let failure: Failure

  package init(_ path: String, _ failure: Failure) {
    self.path = path
    self.failure = failure
  }

  /// What a file is given for.
  package enum Role: Equatable, Sendable {
    case kernel
    case initialRAMDisk
    case module
  }

  /// What failed to happen. Addresses and sizes are in bytes.
  package enum Failure: Equatable, Sendable {
    case cannotOpen(Role, Errno)
    case notAFile(Role)
    case unreadable(Errno)
    /// The file has to have `needed` bytes by its own header, or had them when it was opened.
    case endsEarly(needed: UInt64, size: UInt64)
    case emptyKernel
    case notAKernel
    /// Too short for the Linux header that it starts with, or a field that makes no sense.
    case invalidLinuxHeader(LinuxHeaderFault)
    /// Boot protocol `major << 8 | minor`, older than 2.10.
    case protocolTooOld(version: UInt16)
    case invalidELF(ELFFault)
    /// An ELF image without the note that says where a PVH guest starts.
    case noPVHNote
    /// A 64-bit ELF image with a multiboot header, whose protocol starts 32-bit code.
    case multibootELF64
    case invalidMultiboot(MultibootFault)
    /// The guest has too little memory below 4 GiB for the kernel, which reaches up to `end`.
    case kernelTooLarge(end: UInt64, memory: UInt64)
    /// The kernel wants memory where the machine's ACPI tables are.
    case kernelOnTables(Range<UInt64>)
    /// `largest` is what fits; `enough` the guest memory that would do, nil when no size would.
    case initialRAMDiskTooLarge(size: UInt64, largest: UInt64, enough: UInt64?)
    case commandLineTooLong(length: Int, limit: Int)
    /// The guest has less memory than the machine's own tables and the protocol's structures take.
    case memoryTooSmall(memory: UInt64, enough: UInt64)
  }

  /// What is wrong with a Linux setup header.
  package enum LinuxHeaderFault: Equatable, Sendable {
    case truncated
    case setupBeyondFile
    case loadedLow
    /// The wanted alignment is no power of two.
    case alignment(UInt32)
    /// The wanted address is not one where the kernel can be.
    case address(UInt64)
  }

  /// What is wrong with an ELF image.
  package enum ELFFault: Equatable, Sendable {
    case truncated
    case machine(UInt16)
    case programHeaders
    case segment(Int)
    /// Two segments are loaded to this address.
    case overlap(UInt64)
    /// No loaded segment holds the entry.
    case entry(UInt64)
    case nothingToLoad
  }

  /// The address field of a multiboot header that contradicts the others.
  package enum MultibootFault: String, Equatable, Sendable {
    case truncated = "header"
    case loadAddress = "load_addr"
    case headerAddress = "header_addr"
    case loadEndAddress = "load_end_addr"
    case bssEndAddress = "bss_end_addr"
    case entryAddress = "entry_addr"
  }
}
