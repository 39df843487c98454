import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import TestSupport
import Testing

@Suite("Registers and interrupts of a test device")
struct TestDeviceTests {
  private static let mask = UInt64(0x60)
  private static let intx = VFIO_PCI_INTX_IRQ_INDEX
  private static let msi = VFIO_PCI_MSI_IRQ_INDEX
  private static let msix = VFIO_PCI_MSIX_IRQ_INDEX

  // MARK: Registers

  @Test("the register page and the pending bits cannot be mapped, the rest of BAR 0 can")
  func mappable() throws {
    let test = try TestDeviceHost()
    let words = try test.host.call(
      test.device, VFIO_DEVICE_GET_REGION_INFO, [96] + [UInt32](repeating: 0, count: 23))
    #expect(words[1] == 0xF)
    #expect(
      Array(words[8..<20]) == [0x0001_0001, 80, 2, 0, 0x1000, 0, 0x1000, 0, 0x3000, 0, 0x1000, 0])
    for offset in [UInt64(0), 0x2000] {
      expect(.invalidArgument) {
        _ = try test.host.kernel.map(
          MappingRequest(descriptor: test.device, offset: offset, length: 4096))
      }
    }
  }

  @Test("registers answer in any width, and a part of one leaves the rest")
  func widths() throws {
    let test = try TestDeviceHost()
    #expect(try test.host.read(test.device, 0, count: 4) == Array("SVTD".utf8))
    #expect(try test.register(0x08) == 0x0108_0010)
    try test.host.write(test.device, 0x10, [1, 2, 3, 4, 5, 6, 7, 8])
    try test.host.write(test.device, 0x15, [0xAA])
    try test.host.write(test.device, 0x12, [0xBB, 0xCC])
    #expect(try test.host.read(test.device, 0x10, count: 8) == [1, 2, 0xBB, 0xCC, 5, 0xAA, 7, 8])
    #expect(try test.host.read(test.device, 0x11, count: 4) == [2, 0xBB, 0xCC, 5])
    // The rest of the page is empty, and what follows it is memory.
    #expect(try test.host.read(test.device, 0xFFC, count: 4) == [0, 0, 0, 0])
    try test.host.write(test.device, 0x3000, [9, 9])
    #expect(try test.host.read(test.device, 0x3000, count: 2) == [9, 9])
  }

  @Test("the I/O BAR shows the same registers")
  func ioBAR() throws {
    let test = try TestDeviceHost()
    let io: UInt64 = 4 << 40
    #expect(try test.host.read(test.device, io, count: 4) == Array("SVTD".utf8))
    try test.host.write(test.device, io + 0x10, [0x78, 0x56, 0x34, 0x12])
    #expect(try test.register(0x10) == 0x1234_5678)
  }

  @Test("a counter tells how many accesses came")
  func counters() throws {
    let test = try TestDeviceHost()
    let (reads, writes) = (try test.register(0x80), try test.register(0x84))
    for _ in 0..<5 { try test.set(0x10, 1) }
    #expect(try test.register(0x84) == writes + 5)
    #expect(try test.register(0x80) == reads + 3)
  }

  // MARK: INTx

  @Test("the pin is asserted while an enabled cause stands, and signals again when unmasked")
  func pin() throws {
    let test = try TestDeviceHost()
    let event = try test.enable(Self.intx, vectors: 1)[0]
    try test.raise(0)
    #expect(!EventDescriptor.drain(event))
    try test.set(0x24, 4)
    #expect(EventDescriptor.drain(event))
    #expect(try test.register(0x0C) == 6)
    #expect(try test.host.config(test.device, 6, width: 2) & 8 == 8)
    // The kernel has masked it: no second signal before an unmask.
    try test.raise(0)
    #expect(!EventDescriptor.drain(event))
    try test.host.setInterrupts(
      test.device, index: Self.intx, flags: VFIO_IRQ_SET_ACTION_UNMASK, count: 1)
    #expect(EventDescriptor.drain(event))
    try test.set(0x20, 4)
    #expect(try test.register(0x0C) == 4)
    #expect(try test.host.config(test.device, 6, width: 2) & 8 == 0)
    try test.host.setInterrupts(
      test.device, index: Self.intx, flags: VFIO_IRQ_SET_ACTION_UNMASK, count: 1)
    #expect(!EventDescriptor.drain(event))
  }

  @Test("DisINTx holds the pin back until it is cleared")
  func disabledPin() throws {
    let test = try TestDeviceHost()
    let event = try test.enable(Self.intx, vectors: 1)[0]
    try test.setCommand(0x507)
    try test.set(0x24, 7)
    try test.raise(0)
    #expect(!EventDescriptor.drain(event))
    try test.setCommand(0x107)
    #expect(EventDescriptor.drain(event))
  }

  @Test("message interrupts take the pin away and give it back")
  func pinAndMessages() throws {
    let test = try TestDeviceHost()
    _ = try test.enable(Self.msi, vectors: 1)
    try test.set(0x24, 7)
    try test.raise(0)
    #expect(try test.register(0x0C) == 0x14)
    try test.disable(Self.msi)
    #expect(try test.register(0x0C) == 6)
  }

  // MARK: MSI

  @Test("MSI sends the vectors that are enabled and no other")
  func messages() throws {
    let test = try TestDeviceHost()
    let events = try test.enable(Self.msi, vectors: 4)
    for vector in [0, 3, 4, 7, 8, 31, 0xFFFF_FFFF] { try test.raise(UInt32(vector)) }
    #expect(events.map { EventDescriptor.drain($0) } == [true, false, false, true])
    #expect(try test.register(0x30) == 2)
    try test.disable(Self.msi)
    try test.raise(0)
    #expect(!EventDescriptor.drain(events[0]))
  }

  @Test("a masked MSI vector pends, and is sent once when its mask goes")
  func maskedMessages() throws {
    let test = try TestDeviceHost()
    let events = try test.enable(Self.msi, vectors: 8)
    try test.host.setConfig(test.device, 0x60, 0b1010, width: 4)
    for _ in 0..<2 { for vector in [1, 2, 3] { try test.raise(UInt32(vector)) } }
    #expect(events.prefix(4).map { EventDescriptor.drain($0) } == [false, false, true, false])
    #expect(try test.host.config(test.device, 0x64, width: 4) == 0b1010)
    try test.host.setConfig(test.device, 0x60, 0b1000, width: 4)
    #expect(try test.host.config(test.device, 0x64, width: 4) == 0b1000)
    #expect(EventDescriptor.drain(events[1]))
    #expect(!EventDescriptor.drain(events[3]))
    #expect(try test.register(0x30) == 3)
    try test.disable(Self.msi)
    try test.host.setConfig(test.device, 0x60, 0, width: 4)
    #expect(!EventDescriptor.drain(events[3]))
  }

  @Test("messages wait for bus mastering")
  func messagesNeedMastering() throws {
    let test = try TestDeviceHost(isMaster: false)
    let event = try test.enable(Self.msi, vectors: 1)[0]
    try test.raise(0)
    #expect(!EventDescriptor.drain(event))
    try test.setCommand(0x107)
    #expect(EventDescriptor.drain(event))
    #expect(!EventDescriptor.drain(event))
  }

  // MARK: MSI-X

  @Test("an MSI-X vector without an event pends until it has one")
  func pendingVectors() throws {
    let test = try TestDeviceHost()
    let event = try test.enable(Self.msix, vectors: 1)[0]
    try test.raise(0)
    try test.raise(5)
    try test.raise(15)
    try test.raise(16)
    #expect(EventDescriptor.drain(event))
    #expect(try test.host.read(test.device, 0x2000, count: 8) == [0x20, 0x80, 0, 0, 0, 0, 0, 0])
    #expect(try test.host.read(test.device, 0x2001, count: 1) == [0x80])
    let late = try test.host.event()
    try test.host.setInterrupts(
      test.device, index: Self.msix, flags: VFIO_IRQ_SET_ACTION_TRIGGER, start: 5, events: [late])
    #expect(EventDescriptor.drain(late))
    #expect(try test.host.read(test.device, 0x2000, count: 4) == [0, 0x80, 0, 0])
    try test.host.write(test.device, 0x2000, [0xFF, 0xFF])
    #expect(try test.host.read(test.device, 0x2000, count: 4) == [0, 0x80, 0, 0])
    try test.disable(Self.msix)
    #expect(try test.host.read(test.device, 0x2000, count: 4) == [0, 0, 0, 0])
  }

  @Test("the end of a transfer raises the vector that was chosen")
  func completion() throws {
    let test = try TestDeviceHost()
    let events = try test.enable(Self.msix, vectors: 4)
    let memory = try test.host.memory(pages: 1)
    try test.map(memory, at: 0)
    try test.set(0x2C, 2)
    #expect(try test.transfer(from: 0, to: 0x800, count: 16) == 2)
    #expect(events.map { EventDescriptor.drain($0) } == [false, false, true, false])
    #expect(try test.register(0x20) == 1)
    #expect(try test.transfer(from: 0, to: 0x1000, count: 16) == 0x400)
    #expect(EventDescriptor.drain(events[2]))
    #expect(try test.register(0x20) == 3)
  }

  // MARK: Nothing traps

  @Test("whatever is written to config space, registers and I/O, nothing traps", arguments: 1...4)
  func nonsense(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for backend in TestDeviceHost.Backend.allCases {
      let test = try TestDeviceHost(backend)
      let memory = try test.host.memory(pages: 4)
      try test.map(memory, pages: 4, at: 0x1000)
      var isMessages = false
      for step in 0..<3000 {
        let width = [1, 2, 3, 4, 8, 16].randomElement(using: &generator) ?? 4
        let bytes = (0..<width).map { _ in
          UInt8.random(in: 0...(Bool.random(using: &generator) ? 255 : 3), using: &generator)
        }
        let offset = UInt64.random(in: 0..<0x90, using: &generator)
        let place: UInt64 =
          switch UInt8.random(in: 0..<8, using: &generator) {
          case 0: 4 << 40 | offset
          case 1: ContractHost.config + UInt64.random(in: 0..<256, using: &generator)
          case 2: UInt64.random(in: 0..<0x4000, using: &generator)
          default: offset
          }
        // A call may fail, the kernel may not.
        _ = try? test.host.write(test.device, place, bytes)
        _ = try? test.host.read(test.device, place, count: width)
        if step % 100 == 0 {
          let kind = isMessages ? Self.msix : Self.intx
          _ = try? test.host.setInterrupts(
            test.device, index: kind, flags: VFIO_IRQ_SET_ACTION_TRIGGER, count: 0)
          isMessages.toggle()
          _ = try? test.enable(isMessages ? Self.msix : Self.intx, vectors: 1)
        }
      }
      try test.setCommand(0x107)
      try test.host.call(test.device, VFIO_DEVICE_RESET)
      #expect(try test.host.read(test.device, 0, count: 4) == Array("SVTD".utf8))
      #expect(try test.transfer(from: 0x1000, to: 0x2000, count: 4096) == 2)
      #expect(try test.faults.count <= 64)
    }
  }

  // MARK: Descriptions

  @Test("functions of a pair are models of their own that one reset takes along")
  func pair() throws {
    let host = try ContractHost("test-device-pair")
    let iommufd = try host.iommufd()
    let devices = try ["0000:85:00.0", "0000:85:00.1"].map { name in
      try host.bound(try #require(PCIAddress(name)), iommufd).descriptor
    }
    for (place, device) in devices.enumerated() {
      try host.write(device, 0x10, [UInt8(place + 1), 0, 0, 0])
      // The pending bits are in the second page of a BAR of their own.
      #expect(try host.read(device, 5 << 40 | 0x1000, count: 4) == [0, 0, 0, 0])
    }
    #expect(try host.read(devices[0], 0x10, count: 4) == [1, 0, 0, 0])
    expect(.invalidArgument) { try host.call(devices[0], VFIO_DEVICE_RESET) }
    try host.call(devices[0], VFIO_DEVICE_PCI_HOT_RESET, [12, 0, 0])
    for device in devices { #expect(try host.read(device, 0x10, count: 4) == [0, 0, 0, 0]) }
  }

  @Test(
    "a description whose BARs do not fit the behaviour is a mistake",
    arguments: [
      ("index: 0, size: 16K", "index: 1, size: 16K", "needs a memory BAR 0"),
      ("table-offset: 0x1000", "table-offset: 0x800", "first 4K of BAR 0 hold the registers"),
      ("pba-offset: 0x2000", "pba-offset: 0x0", "first 4K of BAR 0 hold the registers"),
      (
        "size: 16K, type: memory-32",
        "size: 16K, type: memory-32, sparse-mmap: [{offset: 0, size: 8K}]",
        "'sparse-mmap' of BAR 0 holds registers"
      ),
      ("behaviour: test-device", "behaviour: test-devise", "did you mean 'test-device'?"),
    ])
  func mistakes(_ from: String, _ to: String, _ message: String) throws {
    let kernel = LinuxKernel()
    let text = try kernel.contents(of: machineFile("test-device"))
    let changed = String(decoding: text, as: UTF8.self).replacing(from, with: to)
      .replacing("table-bar: 0", with: from.contains("index") ? "table-bar: 1" : "table-bar: 0")
      .replacing("pba-bar: 0", with: from.contains("index") ? "pba-bar: 1" : "pba-bar: 0")
    let error = #expect(throws: HostDescriptionError.self) {
      _ = try HostDescription(parsing: Array(changed.utf8), file: "host.yaml")
    }
    #expect(error?.description.contains(message) ?? false, "\(String(describing: error))")
  }
}
