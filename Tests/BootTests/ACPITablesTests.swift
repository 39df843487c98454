import Testing

@testable import Boot

@Suite struct ACPITablesTests {
  /// The bytes of a table at an address, by the length in its header.
  static func table(_ tables: ACPITables, at address: UInt64) throws -> [UInt8] {
    let start = Int(address - tables.tables.lowerBound)
    let length = try #require(tables.bytes.load(UInt32.self, at: start + 4))
    return Array(tables.bytes[start..<(start + Int(length))])
  }

  /// All tables that the root pointer leads to, by signature.
  static func all(_ tables: ACPITables) throws -> [String: [UInt8]] {
    let extended = try #require(tables.bytes.load(UInt64.self, at: 24))
    let root = try table(tables, at: extended)
    var found = ["XSDT": root]
    for offset in stride(from: 36, to: root.count, by: 8) {
      let bytes = try table(tables, at: try #require(root.load(UInt64.self, at: offset)))
      found[String(decoding: bytes[..<4], as: UTF8.self)] = bytes
    }
    let fixed = try #require(found["FACP"])
    found["DSDT"] = try table(tables, at: try #require(fixed.load(UInt64.self, at: 140)))
    return found
  }

  static func sum(_ bytes: some Sequence<UInt8>) -> UInt8 { bytes.reduce(0, &+) }

  @Test(arguments: [1, 16, 300])
  func everyTableIsReachedAndItsBytesAddUpTo0(processors: UInt32) throws {
    let tables = ACPITables(Planning.description(processors), at: 0xe_0000)
    #expect(String(decoding: tables.bytes[..<8], as: UTF8.self) == "RSD PTR ")
    #expect(Self.sum(tables.bytes[..<20]) == 0)
    #expect(Self.sum(tables.bytes[..<36]) == 0)
    let all = try Self.all(tables)
    #expect(Set(all.keys) == ["XSDT", "FACP", "APIC", "MCFG", "DSDT"])
    for (signature, bytes) in all { #expect(Self.sum(bytes) == 0, "\(signature)") }
    #expect(tables.controlStructure.upperBound <= 0x10_0000)
  }

  @Test func theOldRootTableNamesTheSameTables() throws {
    let tables = ACPITables(Planning.description(2), at: 0xe_0000)
    let old = try #require(tables.bytes.load(UInt32.self, at: 16))
    let root = try Self.table(tables, at: UInt64(old))
    let extended = try #require(Self.all(tables)["XSDT"])
    #expect(Self.sum(root) == 0)
    for index in 0..<3 {
      #expect(
        root.load(UInt32.self, at: 36 + 4 * index).map(UInt64.init)
          == extended.load(UInt64.self, at: 36 + 8 * index))
    }
  }

  @Test(arguments: [0, 1, 2, 40])
  func extraTablesAreInBothRootTablesAfterTheBoardsOwn(count: Int) throws {
    var description = Planning.description(2)
    description.extraTables = (0..<count).map { number in
      var table = ACPITable("X\(number + 100)", revision: 1)
      table.append([UInt8](repeating: 7, count: 3 * number))
      return table.finished
    }
    let tables = ACPITables(description, at: 0xe_0000)
    let extended = try #require(Self.all(tables)["XSDT"])
    let old = try Self.table(
      tables, at: UInt64(try #require(tables.bytes.load(UInt32.self, at: 16))))
    #expect(extended.count == 36 + 8 * (3 + count))
    #expect(old.count == 36 + 4 * (3 + count))
    #expect(Self.sum(extended) == 0)
    #expect(Self.sum(old) == 0)
    for (index, table) in description.extraTables.enumerated() {
      let place = try #require(extended.load(UInt64.self, at: 36 + 8 * (3 + index)))
      #expect(place % 16 == 0)
      #expect(try Self.table(tables, at: place) == table)
      #expect(old.load(UInt32.self, at: 36 + 4 * (3 + index)).map(UInt64.init) == place)
    }
    let control = Int(tables.controlStructure.lowerBound - tables.tables.lowerBound)
    #expect(Array(tables.bytes[control..<(control + 4)]) == [UInt8]("FACS".utf8))
  }

  @Test func theFixedTableNamesTheControlStructureAndThePorts() throws {
    let tables = ACPITables(Planning.description(2), at: 0xe_0000)
    let fixed = try #require(Self.all(tables)["FACP"])
    #expect(fixed.count == ACPITable.fixedSize)
    let control = try #require(fixed.load(UInt32.self, at: 36))
    #expect(UInt64(control) == tables.controlStructure.lowerBound)
    let offset = Int(tables.controlStructure.lowerBound - tables.tables.lowerBound)
    #expect(Array(tables.bytes[offset..<(offset + 4)]) == [UInt8]("FACS".utf8))
    let ports: [(Int, UInt32)] = [(56, 0x600), (64, 0x604), (76, 0x608), (80, 0x620)]
    for (offset, port) in ports {
      #expect(fixed.load(UInt32.self, at: offset) == port)
    }
    #expect(fixed.load(UInt16.self, at: 46) == 9)
    #expect(fixed.load(UInt32.self, at: 48) == 0xb2)
    #expect(fixed.load(UInt16.self, at: 52) == 0x302)
    #expect(fixed.load(UInt64.self, at: 120) == 0xcf9)
    #expect(fixed[128] & 6 == 6)
    #expect(fixed.load(UInt16.self, at: 109) == 5)
  }

  @Test func processorsBeyondTheOldFormatGetTheNewEntry() throws {
    var description = Planning.description(2)
    description.apicIDs = [0, 254, 255, 1000]
    let table = try #require(
      Self.all(ACPITables(description, at: 0xe_0000))["APIC"])
    var types: [UInt8] = []
    var ids: [UInt32] = []
    var offset = 44
    while offset < table.count {
      types.append(table[offset])
      if table[offset] == 0 { ids.append(UInt32(table[offset + 3])) }
      if table[offset] == 9 { ids.append(try #require(table.load(UInt32.self, at: offset + 4))) }
      offset += Int(table[offset + 1])
    }
    #expect(offset == table.count)
    #expect(types == [0, 0, 9, 9, 1, 2, 2, 4, 10])
    #expect(ids == [0, 254, 255, 1000])
  }

  @Test func theConfigurationWindowSaysItsBuses() throws {
    var description = Planning.description(1)
    description.configWindow = 0xb000_0000..<0xb400_0000
    let table = try #require(
      Self.all(ACPITables(description, at: 0xe_0000))["MCFG"])
    #expect(table.load(UInt64.self, at: 44) == 0xb000_0000)
    #expect(table[54] == 0)
    #expect(table[55] == 63)
  }
}
