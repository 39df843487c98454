import EventLoop
import Machine
import SimulatedKernel
import Testing
import Tracing

@Suite struct ResizableBARTests {
  /// One function of the e1000e pair at slot 4, with a capability of two resizable BARs at 0x200 behind
  /// its serial number: BAR 0 of 1 MiB to 512 GiB, now `size`, and BAR 2 of 1 to 16 MiB, now 1 MiB.
  @VMMain private static func machine(size: UInt8) throws -> (SimulatedMachine, UInt64) {
    let digits = String(size, radix: 16)
    let serial = "- { id: dsn, at: 0x140, serial: 0x525400ffff123456 }"
    let bytes =
      "f0ffff00" + "40" + String(repeating: "0", count: 2 - digits.count) + digits + "cdab"
      + "f0010000" + "02000000"
    let host = try Checkout.host(
      "e1000e-pair",
      replacing: [
        (
          serial,
          "\(serial)\n      - { id: raw, number: 0x15, at: 0x200, bytes: \"\(bytes)\" }"
        )
      ])
    let machine = try SimulatedMachine(
      ["-trace", "vfio_add_ext_cap*", "-device", "vfio-pci,host=0000:81:00.0,addr=04.0"],
      on: SimulatedKernel(host, report: { _ in }))
    return (machine, machine.enableConfigWindow() + 4 << 15)
  }

  /// The header and the registers of the capability as the guest finds them.
  @VMMain private static func registers(
    of machine: SimulatedMachine, at config: UInt64
  ) -> [UInt64] {
    var values: [UInt64] = []
    for place in 0..<5 as Range<UInt64> {
      values.append(machine.machine.readMemory(config + 0x200 + 4 * place, size: 4))
    }
    return values
  }

  @Test(arguments: [(0, 0x10), (1, 0x20), (8, 0x1000), (19, 0x80_0000)] as [(UInt8, UInt64)])
  func theGuestSeesThePresentSizeOnlyAndCannotChangeIt(_ size: UInt8, _ sizes: UInt64) throws {
    try MainLoop.own {
      let (machine, config) = try Self.machine(size: size)
      let expected = [0x0001_0015, sizes, UInt64(size) << 8 | 0x40, 0x10, 0x2]
      #expect(Self.registers(of: machine, at: config) == expected)
      for place in 1..<5 as Range<UInt64> {
        machine.machine.writeMemory(config + 0x200 + 4 * place, size: 4, value: 0xffff_ffff)
      }
      #expect(Self.registers(of: machine, at: config) == expected)
      #expect(machine.machine.readMemory(config + 0x140, size: 4) == 0x2001_0003)
    }
  }

  @Test(arguments: [20, 27, 63] as [UInt8])
  func aSizeThatCannotBeShownHidesTheCapabilityWithoutATrace(_ size: UInt8) throws {
    try MainLoop.own {
      let (machine, config) = try Self.machine(size: size)
      #expect(machine.machine.readMemory(config + 0x140, size: 4) == 0x0001_0003)
      #expect(machine.trace.lines == [])
    }
  }
}
