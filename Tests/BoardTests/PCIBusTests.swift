import Board
import Testing

@Suite struct PCIBusTests {
  private let bus = PCIBus()

  private func place(_ slot: Int, _ function: Int = 0) throws -> PCISlot {
    try #require(PCISlot(slot: slot, function: function))
  }

  @Test func aPlaceIsASlotBelow32AndAFunctionBelow8() {
    #expect(PCISlot(slot: 31, function: 7)?.devfn == 0xff)
    #expect(PCISlot(slot: 4)?.devfn == 0x20)
    for (slot, function) in [(32, 0), (-1, 0), (0, 8), (0, -1), (.max, 0)] {
      #expect(PCISlot(slot: slot, function: function) == nil)
    }
  }

  @Test func withoutAWishTheFirstFreeSlotIsGiven() throws {
    _ = try bus.reserve(place(0), for: "mch")
    _ = try bus.reserve(place(2), for: "vfio-pci")
    #expect(try bus.reserve(nil, for: "vfio-pci") == place(1))
    #expect(try bus.reserve(nil, for: "vfio-pci") == place(3))
    bus.release(try place(1))
    #expect(try bus.reserve(nil, for: "vfio-pci") == place(1))
  }

  @Test func aTakenPlaceIsRefusedInQEMUsWords() throws {
    let wanted = try place(31)
    _ = try bus.reserve(wanted, for: "ICH9-LPC", isMultifunction: true)
    let error = #expect(throws: PCIPlacementError.self) {
      try bus.reserve(wanted, for: "vfio-pci")
    }
    #expect(error?.reason == .isTaken(wanted, by: "ICH9-LPC", id: nil))
    #expect(
      error?.message.split(separator: "\n").first
        == "PCI: slot 31 function 0 not available for vfio-pci, in use by ICH9-LPC,id=(null)")
    _ = try bus.reserve(place(4), for: "vfio-pci", id: "nic0")
    let named = #expect(throws: PCIPlacementError.self) {
      try bus.reserve(place(4), for: "vfio-pci", id: "nic1")
    }
    #expect(named?.message.contains("in use by vfio-pci,id=nic0\n") == true)
  }

  @Test func aFullBusIsRefused() throws {
    for _ in 0..<32 { _ = try bus.reserve(nil, for: "vfio-pci") }
    #expect(throws: PCIPlacementError("vfio-pci", .busIsFull)) {
      try bus.reserve(nil, for: "vfio-pci")
    }
  }

  @Test func aFunctionAboveZeroNeedsAMultifunctionZeroIfThereIsOne() throws {
    _ = try bus.reserve(place(4), for: "vfio-pci")
    let wanted = try place(4, 1)
    let error = #expect(throws: PCIPlacementError.self) {
      try bus.reserve(wanted, for: "vfio-pci")
    }
    #expect(error?.reason == .functionZeroIsSingle(wanted))
    #expect(
      error?.message.hasPrefix(
        "PCI: single function device can't be populated in function 4.1\n") == true)
    _ = try bus.reserve(place(5), for: "vfio-pci", isMultifunction: true)
    _ = try bus.reserve(place(5, 1), for: "vfio-pci")
    _ = try bus.reserve(place(6, 3), for: "vfio-pci")
  }

  @Test func aSingleFunctionZeroIsRefusedWhereOthersAre() throws {
    _ = try bus.reserve(place(6, 3), for: "vfio-pci")
    let error = #expect(throws: PCIPlacementError.self) {
      try bus.reserve(place(6), for: "vfio-pci")
    }
    #expect(
      error?.message.hasPrefix(
        "PCI: 6.0 indicates single function, but 6.3 is already populated.\n") == true)
    _ = try bus.reserve(place(6), for: "vfio-pci", isMultifunction: true)
  }

  @Test func aReservedPlaceAnswersOnceAFunctionIsThere() throws {
    let slot = try bus.reserve(place(4), for: "vfio-pci")
    #expect(bus.function(at: slot) == nil)
    #expect(bus.readConfig(slot, offset: 0, length: 4) == .max)
    let function = RecordingFunction()
    bus.attach(function, at: slot)
    #expect(bus.readConfig(slot, offset: 0, length: 2) == 0x8765_4321)
    bus.writeConfig(slot, offset: 4, length: 2, value: 0x102)
    #expect(function.accesses == ["r2@0", "w2@4=102"])
    bus.release(slot)
    #expect(bus.readConfig(slot, offset: 0, length: 4) == .max)
    bus.attach(function, at: slot)
    #expect(bus.attached.isEmpty)
  }

  @Test func theOneReservedLastIsResetFirst() throws {
    let resets = RecordingFunction.ResetLog()
    for slot in [0, 4, 5, 3] {
      let place = try bus.reserve(place(slot), for: "vfio-pci")
      bus.attach(RecordingFunction("\(slot)", resets: resets), at: place)
    }
    bus.reset()
    #expect(resets.names == ["3", "5", "4", "0"])
  }
}
