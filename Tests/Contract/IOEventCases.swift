internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// `VFIO_DEVICE_IOEVENTFD`: rows 282 to 288.
  static let ioeventfds: [ContractCase] = [
    ContractCase(282, "two sizes → EINVAL", [.n]) { host in
      let (n, bar) = try mapped(host)
      let event = try host.event()
      for flags in [3, 0, 0x10] as [UInt32] {
        try expect(.invalidArgument, "flags \(flags)") {
          try host.setIOEvent(n, at: bar.offset, flags: flags, event: event)
        }
      }
    },
    ContractCase(284, "over the MSI-X table → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let (bar, range) = try host.messageTable(n)
      let event = try host.event()
      try expect(.invalidArgument) {
        try host.setIOEvent(n, at: bar.offset + range.lowerBound, event: event)
      }
    },
    ContractCase("284b", "past a BAR's end, 8 bytes, fd -2, argsz 27 → EINVAL", [.n]) { host in
      let (n, bar) = try mapped(host)
      let event = try host.event()
      for (offset, flags, descriptor) in [
        (bar.size - 2, 4, event), (bar.size, 4, event), (0, 8, event), (0, 4, -2),
      ] as [(UInt64, UInt32, Int32)] {
        try expect(.invalidArgument, "offset \(offset), flags \(flags), fd \(descriptor)") {
          try host.setIOEvent(n, at: bar.offset + offset, flags: flags, event: descriptor)
        }
      }
      try expect(.invalidArgument, "argsz") {
        try host.call(n, VFIO_DEVICE_IOEVENTFD, [27, 4, 0, 0, 0, 0, UInt32(bitPattern: event), 0])
      }
    },
    ContractCase(285, "on config space → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let event = try host.event()
      try expect(.invalidArgument) {
        try host.setIOEvent(n, at: ContractHost.config + 4, event: event)
      }
    },
    ContractCase(286, "the same place and value twice → EEXIST", [.n]) { host in
      let (n, bar) = try mapped(host)
      let event = try host.event()
      try host.setIOEvent(n, at: bar.offset, value: 1, event: event)
      try expect(.fileExists) {
        try host.setIOEvent(n, at: bar.offset, value: 1, event: try host.event())
      }
      try host.setIOEvent(n, at: bar.offset, value: 2, event: event)
    },
    ContractCase("286b", "signalling → the value is written", [.n]) { host in
      let n = try host.opened(.n)
      let (register, mask) = try host.scratchRegister(.n)
      let event = try host.event()
      try host.setIOEvent(n, at: register, value: mask, event: event)
      EventDescriptor.signal(event)
      var attempts = 0
      while try host.read(n, register, count: 4) != bytes(mask), attempts < 1_000_000 {
        sched_yield()
        attempts += 1
      }
      try expect(try host.read(n, register, count: 4), equals: bytes(mask))
      try host.setIOEvent(n, at: register, value: mask, event: -1)
      try host.write(n, register, [0, 0, 0, 0])
      EventDescriptor.signal(event)
      try expect(try host.read(n, register, count: 4), equals: [0, 0, 0, 0], "after its removal")
      try expect(host.signals(event), equals: 1, "nobody takes the count any more")
    },
    ContractCase("286c", "a bad number, a file that is no eventfd → EBADF, EINVAL", [.n]) { host in
      let (n, bar) = try mapped(host)
      try expect(.badFileDescriptor) {
        try host.setIOEvent(n, at: bar.offset, event: host.closedDescriptor)
      }
      let file = try host.regularFile()
      try expect(.invalidArgument) { try host.setIOEvent(n, at: bar.offset, event: file) }
    },
    ContractCase(287, "fd -1 where none is → ENODEV", [.n]) { host in
      let (n, bar) = try mapped(host)
      let event = try host.event()
      try host.setIOEvent(n, at: bar.offset, value: 1, event: event)
      try expect(.operationNotSupportedByDevice) {
        try host.setIOEvent(n, at: bar.offset, value: 2, event: -1)
      }
      try host.setIOEvent(n, at: bar.offset, value: 1, event: -1)
    },
    ContractCase(288, "the 1001st → ENOSPC", [.n]) { host in
      let (n, bar) = try mapped(host)
      let event = try host.event()
      for value in 0..<1000 as Range<UInt64> {
        try host.setIOEvent(n, at: bar.offset, value: value, event: event)
      }
      try expect(.noSpace) { try host.setIOEvent(n, at: bar.offset, value: 1000, event: event) }
    },
  ]

  private static func mapped(
    _ host: ContractHost
  ) throws -> (device: Int32, bar: ContractHost.Region) {
    let device = try host.opened(.n)
    return (device, try host.mappableBAR(device))
  }
}

extension ContractHost {
  /// Has signals of an eventfd write a value; `flags` is the width in bytes. Nothing signals the
  /// events of the cases but 286b, since what a register does with the value is unknown.
  func setIOEvent(
    _ device: Int32, at offset: UInt64, flags: UInt32 = 4, value: UInt64 = 0, event: Int32
  ) throws(Errno) {
    var command = vfio_device_ioeventfd()
    command.argsz = 32
    command.flags = flags
    command.offset = offset
    command.data = value
    command.fd = event
    try kernel.control(device, UInt(VFIO_DEVICE_IOEVENTFD), on: &command)
  }

  /// 32 bits of mapped memory.
  func word(at address: UInt64) throws(Errno) -> UInt32 {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(address)) else {
      throw .badAddress
    }
    return unsafe UInt32(truncatingIfNeeded: clinux_volatile_read(pointer, 4))
  }
}
