package import HostKernel
package import SystemPackage

/// What holds the guest's memory on the host (`-mem-path`, `-mem-prealloc`).
package struct GuestRAMOptions: Equatable, Sendable {
  package enum Backing: Equatable, Sendable {
    /// Private memory of this process.
    case anonymous
    /// A memory file, for those who map guest memory by descriptor.
    case memoryFile
    /// A file, or a nameless file in a directory, such as one of huge pages.
    case path(String)
  }

  package var backing: Backing
  /// Whether the host gives all pages before the guest starts.
  package var isPreallocated: Bool
  /// Whether the guest's writes reach the file of a path, and others who map it.
  package var isShared: Bool

  package init(
    backing: Backing = .anonymous, isPreallocated: Bool = false, isShared: Bool = false
  ) {
    self.backing = backing
    self.isPreallocated = isPreallocated
    self.isShared = isShared
  }
}

/// Memory of this process that is the guest's, given back when the last copy of this value goes.
package struct GuestRAM {
  /// The mapping, and the file behind it.
  private final class Parts {
    let mapping: HostMapping
    private let file: HostDescriptor?
    /// The file's descriptor.
    let descriptor: Int32?

    init(_ mapping: consuming HostMapping, _ file: consuming HostDescriptor?, _ descriptor: Int32?)
    {
      self.descriptor = descriptor
      self.mapping = mapping
      self.file = file
    }
  }

  private let parts: Parts
  /// Whether the file holds what the guest writes, so that mapping it shows the guest's memory.
  private let isShared: Bool

  /// The first address in this process.
  package var address: UInt { parts.mapping.address }
  /// Length in bytes.
  package var size: UInt64 { UInt64(parts.mapping.length) }
  /// The file that holds the memory, or nil when only this process can see it.
  package var descriptor: Int32? { isShared ? parts.descriptor : nil }

  /// Makes `size` bytes of memory, zero but for what a file holds already.
  package init(
    size: UInt64, _ options: GuestRAMOptions = GuestRAMOptions(), on kernel: any HostKernel
  ) throws(GuestRAMError) {
    guard let length = Int(exactly: size), length > 0, size % 4096 == 0 else {
      throw GuestRAMError(.allocate, .invalidArgument)
    }
    let opened = try Self.openFile(size, options)
    let file = opened.map { HostDescriptor(taking: $0.descriptor, of: kernel) }
    var request = MappingRequest(
      descriptor: opened?.descriptor, length: length,
      alignment: max(1 << 21, opened?.pageSize ?? 0))
    let isShared = options.backing == .memoryFile || options.isShared && opened != nil
    request.isPrivate = !isShared
    let mapping = try Self.map(request, on: kernel)
    if opened == nil {
      MemoryCalls.preferHugePages(address: mapping.address, length: length)
    }
    if options.isPreallocated {
      do { try MemoryCalls.populate(address: mapping.address, length: length) } catch {
        throw GuestRAMError(.preallocate, error)
      }
    }
    self.isShared = isShared
    parts = Parts(mapping, file, opened?.descriptor)
  }

  /// The descriptor of the file behind the memory and the size of its pages, or nil without a file.
  private static func openFile(
    _ size: UInt64, _ options: GuestRAMOptions
  ) throws(GuestRAMError) -> (descriptor: Int32, pageSize: Int)? {
    switch options.backing {
    case .anonymous: return nil
    case .memoryFile:
      do {
        return (try MemoryCalls.makeMemoryDescriptor(name: "pc.ram", size: size), 4096)
      } catch {
        throw GuestRAMError(.allocate, error)
      }
    case .path(let path):
      do { return try MemoryCalls.openMemoryFile(path, size: size) } catch {
        throw GuestRAMError(.open(path), error)
      }
    }
  }

  private static func map(
    _ request: MappingRequest, on kernel: any HostKernel
  ) throws(GuestRAMError) -> HostMapping {
    do { return try HostMapping(request, on: kernel) } catch {
      throw GuestRAMError(.allocate, error)
    }
  }

  /// The memory from a byte offset on, as a region of an address space has it. Tells of the file only
  /// when the file holds what the guest writes.
  package func kind(at offset: UInt64) -> MemoryKind {
    .ram(
      hostAddress: address + UInt(offset),
      file: descriptor.map { MemoryFile(descriptor: $0, offset: offset) })
  }
}

/// Why the guest's memory could not be had.
package struct GuestRAMError: Error, Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    case allocate
    /// The file of `-mem-path`, or the one made in it.
    case open(String)
    case preallocate
  }

  package var step: Step
  package var errno: Errno

  package init(_ step: Step, _ errno: Errno) {
    self.step = step
    self.errno = errno
  }

  /// A sentence for the user, in QEMU's words.
  package var message: String {
    switch step {
    case .allocate: "cannot set up guest memory 'pc.ram': \(errno)"
    case .open(let path): "can't open backing store \(path) for guest RAM: \(errno)"
    case .preallocate: "preallocating memory failed: \(errno)"
    }
  }
}
