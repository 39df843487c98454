import Testing
import VirtualIOMMU

@Suite struct QEMUEqualityTests {
  private static let board = "e00:1f.3 e00:1f.2 e00:1f.0 e00:00.0"

  @Test(arguments: QEMURecords.registers)
  func `Registers and table are those of QEMU for the same properties`(
    record: QEMURecords.Record
  ) throws {
    let values = try Resolver.resolve(request(record.properties), devices: []).values
    let registers = VTdRegisters(values)
    #expect(registers.version == record.version)
    #expect(registers.capability.bits == record.capability)
    #expect(registers.extendedCapability.bits == record.extendedCapability)
    let table = DMARTable(values, scopes: scopes(Self.board)).bytes
    #expect(hexadecimal(table.dropFirst(36)) == record.table)
    #expect(table.reduce(0, &+) == 0)
  }

  @Test func `There are records of over twenty property sets`() {
    #expect(Set(QEMURecords.registers.map(\.properties)).count > 20)
    #expect(Set(QEMURecords.registers.map(\.extendedCapability)).count > 15)
  }

  @Test(arguments: QEMURecords.placements)
  func `The table names every function on a root bus in QEMU's order`(
    placement: QEMURecords.Placement
  ) throws {
    let values = try Resolver.resolve(request(placement.properties), devices: []).values
    for devices in [
      placement.devices,
      String(placement.devices.split(separator: " ").reversed().joined(separator: " ")),
    ] {
      let table = DMARTable(values, scopes: scopes(devices)).bytes
      #expect(hexadecimal(table.dropFirst(64)) == placement.scopes)
      #expect(table.reduce(0, &+) == 0)
      let length = table.prefix(8).suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      #expect(length == table.count)
    }
  }

  @Test func `The table's header is QEMU's but for the checksum`() throws {
    let values = try Resolver.resolve(request(""), devices: []).values
    var header = Array(DMARTable(values, scopes: scopes(Self.board)).bytes.prefix(36))
    #expect(header[9] != 0)
    header[9] = 0
    #expect(hexadecimal(header) == QEMURecords.header)
  }

  @Test(arguments: QEMURecords.refusals)
  func `Properties that do not go together are refused in QEMU's words`(
    properties: String, message: String
  ) {
    #expect(request(properties).propertyError?.message == message)
    #expect {
      try Resolver.resolve(request(properties), devices: [])
    } throws: { error in
      (error as? ResolutionError)?.messages == [message]
    }
  }

  @Test(arguments: QEMURecords.registers)
  func `Our own decoder reads from the registers what was asked for`(
    record: QEMURecords.Record
  ) {
    let asked = request(record.properties)
    let extended = VTdExtendedCapability(bits: record.extendedCapability)
    let capability = VTdCapability(bits: record.capability)
    #expect(extended.pasidWidth == asked[.pasidWidth])
    #expect(extended.hasScalableMode == (asked[.scalableMode] == 1))
    #expect(extended.hasFirstStage == (asked[.firstStage] == 1))
    #expect(extended.hasDeviceTLB == (asked[.deviceIOTLB] == 1))
    #expect(extended.hasSnoopControl == (asked[.snoopControl] == 1))
    #expect(capability.maximumAddressWidth == asked[.addressWidth])
    #expect(capability.cachesNotPresent == (asked[.cachingMode] == 1))
    #expect(capability.tableWidths.isEmpty == (asked[.dmaTranslation] == 0))
  }
}
