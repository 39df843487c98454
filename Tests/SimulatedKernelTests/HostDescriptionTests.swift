import PCI
import SimulatedKernel
import SystemPackage
import TestSupport
import Testing

@Suite("Description files")
struct HostDescriptionTests {
  /// A text with a mistake, and what the error says after the file name.
  struct Mistake: Sendable, CustomTestStringConvertible {
    var from: String
    var to: String
    var message: String

    init(_ from: String, _ to: String, _ message: String) {
      self.from = from
      self.to = to
      self.message = message
    }

    var testDescription: String { "\(from.debugDescription) -> \(to.debugDescription)" }
  }

  static let good = """
    iommus:
      - name: dmar0
        type: intel
        capability: 0x1
        extended-capability: 0x2
    buses:
      - { bus: "0000:81", reset: slot }
    functions:
      - address: "0000:81:00.0"
        vendor: 0x8086
        device: 0x1572
        class: 0x020000
        interrupt-pin: A
        iommu-group: 30
        iommu: dmar0
        reset-methods: [bus]
        bars:
          - { index: 0, size: 8M, type: memory-64 }
          - { index: 3, size: 32K, type: memory-64 }
        capabilities:
          - { id: pm, at: 0x40 }
          - { id: msix, at: 0x70, vectors: 129, table-bar: 3, table-offset: 0, pba-bar: 3, pba-offset: 0x1000 }
          - { id: pcie, at: 0xa0 }
        extended-capabilities:
          - { id: aer, at: 0x100 }
    """

  static let mistakes: [Mistake] = [
    Mistake(
      "vendor:", "vender:", ":10: functions[0]: unknown key 'vender', did you mean 'vendor'?"),
    Mistake(
      "vendor: 0x8086", "vendor: [1]", ":10: functions[0].vendor: needs a single value, not a list"),
    Mistake(
      "vendor: 0x8086", "vendor: intel",
      ":10: functions[0].vendor: 'intel' is not a number; write it in decimal or with 0x"),
    Mistake(
      "vendor: 0x8086", "vendor: 010",
      ":10: functions[0].vendor: '010' is not a number; write it in decimal or with 0x"),
    Mistake(
      "vendor: 0x8086", "vendor: 0x18086",
      ":10: functions[0].vendor: 0x18086 is not between 0x0 and 0xfffe"),
    Mistake(
      "    vendor: 0x8086\n", "", ":9: functions[0]: key 'vendor' is missing"),
    Mistake(
      "device: 0x1572", "vendor: 0x1572",
      ":11: functions[0]: key 'vendor' was already given on line 10"),
    Mistake(
      "\"0000:81:00.0\"", "81:00.0",
      ":9: functions[0].address: '81:00.0' is not of the form DDDD:BB:DD.F, such as \"0000:81:00.0\""
    ),
    Mistake(
      "interrupt-pin: A", "interrupt-pin: E",
      ":13: functions[0].interrupt-pin: 'E' is not known, did you mean 'A'?; known are none, A, B, C, D"
    ),
    Mistake(
      "iommu: dmar0", "iommu: dmar1",
      ":15: functions[0].iommu: IOMMU 'dmar1' is not declared in this file, did you mean 'dmar0'?"),
    Mistake(
      "[bus]", "[flr]",
      ":16: functions[0].reset-methods[0]: 'flr' needs a 'pcie' capability with 'flr: true'"),
    Mistake(
      "[bus]", "[pm]",
      ":16: functions[0].reset-methods[0]: 'pm' needs a 'pm' capability whose pmcsr has bit 3 clear"
    ),
    Mistake(
      "[bus]", "[bas]",
      ":16: functions[0].reset-methods[0]: 'bas' is not known, did you mean 'bus'?; known are "
        + "device_specific, acpi, flr, af_flr, pm, bus, cxl_bus"),
    Mistake(
      "size: 8M", "size: 12M", ":18: functions[0].bars[0].size: 0xc00000 is not a power of two"),
    Mistake(
      "size: 8M", "size: 8",
      ":18: functions[0].bars[0].size: 0x8 is not between 0x10 and 0x10000000000"),
    Mistake(
      "size: 8M", "size: 8X",
      ":18: functions[0].bars[0].size: '8X' is not a number; write it in decimal or with 0x"),
    Mistake(
      "index: 3", "index: 1", ":19: functions[0].bars[1]: BAR 1 overlaps BAR 0 of line 18"),
    Mistake(
      "index: 3", "index: 5", ":19: functions[0].bars[1].index: 0x5 is not between 0x0 and 0x4"),
    Mistake(
      "{ id: pm, at: 0x40 }", "{ id: pm, at: 0x41 }",
      ":21: functions[0].capabilities[0].at: 0x41 is not a multiple of 0x4"),
    Mistake(
      "{ id: pm, at: 0x40 }", "{ id: pm, at: 0x40, vectors: 3 }",
      ":21: functions[0].capabilities[0]: unknown key 'vectors'"),
    Mistake(
      "{ id: pm, at: 0x40 }", "{ id: pn, at: 0x40 }",
      ":21: functions[0].capabilities[0].id: 'pn' is not known, did you mean 'pm'?; known are "
        + "pm, msi, msix, pcie, vpd, af, vendor, raw"),
    Mistake(
      "at: 0x70", "at: 0x44",
      ":22: functions[0].capabilities[1].at: 'msix' overlaps the capability at 0x40 of line 21"),
    Mistake(
      "table-bar: 3", "table-bar: 2",
      ":22: functions[0].capabilities[1].table-bar: BAR 2 is not a declared memory BAR"),
    Mistake(
      "pba-offset: 0x1000", "pba-offset: 0x800",
      ":22: functions[0].capabilities[1].pba-offset: the pending bits overlap the table"),
    Mistake(
      "pba-offset: 0x1000", "pba-offset: 0x8000",
      ":22: functions[0].capabilities[1].pba-offset: ends at 0x8018, past the end at 0x8000"),
    Mistake(
      "{ id: pcie, at: 0xa0 }", "{ id: msi, at: 0xa0 }",
      ":25: functions[0].extended-capabilities: extended capabilities need a 'pcie' capability"),
    Mistake(
      "{ id: aer, at: 0x100 }", "{ id: aer, at: 0x140 }",
      ":25: functions[0].extended-capabilities[0].at: the first extended capability is at 0x100"),
    Mistake(
      "{ bus: \"0000:81\", reset: slot }", "{ bus: \"0000:81\", reset: slots }",
      ":7: buses[0].reset: 'slots' is not known, did you mean 'slot'?; known are slot, bus, none"),
    Mistake(
      "{ bus: \"0000:81\", reset: slot }", "{ bus: 81, reset: slot }",
      ":7: buses[0].bus: '81' is not of the form DDDD:BB, such as \"0000:81\""),
    Mistake(
      "reset: slot }", "reset: slot, bridge: \"0000:80:00.0\" }",
      ":7: buses[0].bridge: function '0000:80:00.0' is not declared in this file, did you mean '0000:81:00.0'?"
    ),
    Mistake(
      "type: intel", "type: intl",
      ":3: iommus[0].type: 'intl' is not known, did you mean 'intel'?; "
        + "known are intel, amd, silent, none"
    ),
    Mistake("type: intel", "type: amd", ":4: iommus[0]: unknown key 'capability'"),
    Mistake("functions:", "function:", ":8: unknown key 'function', did you mean 'functions'?"),
    Mistake(
      "device: 0x1572", "device: \"0x15",
      ":25: is not YAML: while scanning a quoted scalar (begun on line 11), found unexpected end of stream"
    ),
    Mistake(
      "    class: 0x020000", "   class: 0x020000",
      ":12: is not YAML: while parsing a block collection (begun on line 9), did not find expected '-' indicator"
    ),
    Mistake(
      "    class: 0x020000", "    class: 0x020000\n    config: \"00\"",
      ":10: functions[0].vendor: the raw 'config' of line 13 already says this"),
  ]

  @Test("the text that the mistakes start from is good")
  func goodText() throws {
    let description = try Self.parse(Self.good)
    #expect(description.functions.map(\.address.description) == ["0000:81:00.0"])
    #expect(description.functions.first?.config.size == 4096)
  }

  @Test("a mistake names file, line and key", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    let place = try #require(Self.good.firstRange(of: mistake.from))
    let text = Self.good.replacingCharacters(in: place, with: mistake.to)
    do throws(HostDescriptionError) {
      _ = try Self.parse(text)
      Issue.record("no error")
    } catch {
      #expect(error.description == "test.yaml" + mistake.message)
    }
  }

  @Test("the same function twice is found")
  func duplicateFunction() {
    let function = Self.good[
      (Self.good.firstRange(of: "  - address")?.lowerBound ?? Self.good.endIndex)...]
    do throws(HostDescriptionError) {
      _ = try Self.parse(Self.good + "\n" + function)
      Issue.record("no error")
    } catch {
      #expect(
        error.description
          == "test.yaml:26: functions[1]: function 0000:81:00.0 was already given on line 9")
    }
  }

  @Test("a file that is missing, empty, doubled or too long")
  func unusableFiles() {
    #expect(throws: HostDescriptionError.self) {
      try HostDescription(contentsOf: "/nonexistent.yaml")
    }
    for (text, message) in [
      ("", "test.yaml: holds nothing; a host needs the key 'functions'"),
      ("a: 1\n---\nb: 2\n", "test.yaml:3: holds more than one YAML document; keep the first"),
      ("- 1\n", "test.yaml:1: needs a mapping, not a list"),
      ("a: \u{1}", "test.yaml: is not YAML: control characters are not allowed"),
    ] {
      do throws(HostDescriptionError) {
        _ = try Self.parse(text)
        Issue.record("no error")
      } catch {
        #expect(error.description == message)
      }
    }
    #expect(throws: HostDescriptionError.self) {
      try HostDescription(
        parsing: Array(repeating: 0x20, count: HostDescription.fileLimit + 1), file: "long")
    }
  }

  @Test("a node that contains itself is refused, not followed")
  func recursiveAlias() {
    #expect(throws: HostDescriptionError.self) {
      try Self.parse("functions: &a [*a]\niommus: []\n")
    }
  }

  @Test("no damaged text traps", arguments: 0..<400)
  func damaged(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var bytes = Array(Self.good.utf8)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let place = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes.remove(at: place)
      default: bytes.insert(contentsOf: bytes.suffix(from: place).prefix(20), at: 0)
      }
    }
    do throws(HostDescriptionError) {
      let description = try HostDescription(parsing: bytes, file: "damaged")
      #expect(SimulatedKernel(description, report: { _ in }).isQuiescent)
    } catch {
      #expect(error.description.hasPrefix("damaged"))
    }
  }

  @Test(
    "every shipped machine can be read",
    arguments: [
      "x710-pair", "e1000e-pair", "nvme-flr", "native-driver-peer", "separate-groups", "contract",
    ])
  func shippedMachine(_ name: String) throws {
    let description = try HostDescription(contentsOf: machineFile(name))
    #expect(!description.functions.isEmpty)
    #expect(SimulatedKernel(description).isQuiescent)
  }

  @Test("a raw config space is kept byte for byte and its capabilities are found")
  func rawConfig() throws {
    let built = try Self.parse(Self.good).functions[0].config
    let rows = stride(from: 0, to: 4096, by: 16).map { row in
      "        \(hexadecimal(row)): "
        + built.bytes[row..<row + 16].map { hexadecimal(Int($0)) }.joined(separator: " ")
    }
    let text = """
      iommus: [{ name: dmar0, type: silent }]
      functions:
        - address: "0000:81:00.0"
          iommu-group: 30
          iommu: dmar0
          bars:
            - { index: 0, size: 8M, type: memory-64, address: 0x380000000000 }
            - { index: 3, size: 32K, type: memory-64, address: 0x380000800000 }
          config: |
      \(rows.joined(separator: "\n"))
      """
    let config = try Self.parse(text).functions[0].config
    #expect(config.bytes == built.bytes)
    #expect(config.capabilities.map(\.offset) == [0x40, 0x70, 0xA0])
    var written = config
    written.write(0xFF, at: 0x44)
    #expect(written.byte(at: 0x44) == built.byte(at: 0x44) | 3)
  }

  static func parse(_ text: String) throws(HostDescriptionError) -> HostDescription {
    try HostDescription(parsing: Array(text.utf8), file: "test.yaml")
  }

  private func hexadecimal(_ value: Int) -> String {
    let digits = String(value, radix: 16)
    return digits.count.isMultiple(of: 2) ? digits : "0" + digits
  }
}

extension String {
  func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    self[..<range.lowerBound] + text + self[range.upperBound...]
  }
}
