import SystemPackage

@testable import Boot

/// Plans made from bytes.
enum Planning {
  /// A machine with so much RAM and, if it has tables, four CPUs.
  static func platform(_ memory: UInt64, hasTables: Bool = true) -> BootPlatform {
    let low = memory < 0xb000_0000 ? memory : 0x8000_0000
    return BootPlatform(
      memoryBelow4G: low, memoryAbove4G: memory - low,
      acpi: hasTables ? description(4) : nil)
  }

  static func description(_ processors: UInt32) -> ACPIDescription {
    ACPIDescription(
      apicIDs: Array(0..<processors), memoryWindow: 0xc000_0000..<0xfec0_0000,
      prefetchableWindow: 1 << 38..<1 << 39, configWindow: 0xb000_0000..<0xc000_0000,
      interruptPins: (0..<32).flatMap { slot in
        (0..<4).map { ACPIDescription.InterruptPin(slot: slot, pin: $0, gsi: 16 + UInt32($0)) }
      })
  }

  /// Plans a start in which every path but the kernel's is a file of `files`.
  static func plan(
    _ kernel: [UInt8], initrd: String? = nil, files: [String: UInt64] = [:],
    commandLine: String = "", memory: UInt64 = 512 << 20, hasTables: Bool = true
  ) throws(BootError) -> BootPlan {
    try BootPlan(
      GuestPayload(kernel: "kernel", initrd: initrd, commandLine: commandLine),
      on: platform(memory, hasTables: hasTables)
    ) { path, role throws(BootError) in
      if role == .kernel { return MemorySource(path, kernel) }
      guard let size = files[path] else {
        throw BootError(path, .cannotOpen(role, .noSuchFileOrDirectory))
      }
      return MemorySource(path, [], size: size)
    }
  }

  /// The failure of a plan; nil when there is none.
  static func failure(
    _ kernel: [UInt8], initrd: String? = nil, files: [String: UInt64] = [:],
    commandLine: String = "", memory: UInt64 = 512 << 20
  ) -> BootError.Failure? {
    do throws(BootError) {
      _ = try plan(
        kernel, initrd: initrd, files: files, commandLine: commandLine, memory: memory,
        hasTables: false)
      return nil
    } catch {
      return error.failure
    }
  }
}

extension BootPlan {
  /// What the guest finds at an address, up to the end of its segment.
  func bytes(at address: UInt64, count: Int) throws -> [UInt8] {
    var found: [UInt8] = []
    try write { place, bytes in
      let start = Int64(address) - Int64(place)
      if start >= 0, start < bytes.count {
        found = Array(bytes[Int(start)...].prefix(count))
      }
    }
    return found
  }
}
