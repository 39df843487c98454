extension HostBAR {
  /// Reads a list of BARs, checking that no register is used twice.
  static func list(_ list: YAMLValue) throws(HostDescriptionError) -> [HostBAR] {
    var bars: [(bar: HostBAR, line: Int)] = []
    for value in try list.items(limit: 6) {
      let bar = try HostBAR(reading: value)
      if let other = bars.first(where: { !$0.bar.registers.isDisjoint(with: bar.registers) }) {
        throw value.mistake(
          .overlap("BAR \(bar.index)", with: "BAR \(other.bar.index)", firstLine: other.line))
      }
      bars.append((bar, value.line))
    }
    return bars.map(\.bar).sorted { $0.index < $1.index }
  }

  /// The register numbers the BAR takes: two for a 64-bit one.
  private var registers: Set<Int> { kind == .memory64 ? [index, index + 1] : [index] }

  private init(reading value: YAMLValue) throws(HostDescriptionError) {
    let fields = try value.fields([
      "index", "size", "type", "prefetchable", "address", "sparse-mmap",
    ])
    let kind = try fields.required("type").choice(Kind.allCases.map { ($0.rawValue, $0) })
    let index = Int(
      try fields.required("index").integer(in: UInt8(0)...(kind == .memory64 ? 4 : 5)))
    let sizeValue = try fields.required("size")
    let size = try sizeValue.size()
    guard size.nonzeroBitCount == 1 else { throw sizeValue.mistake(.notPowerOfTwo(size)) }
    let range = Self.sizes(of: kind)
    guard range.contains(size) else {
      throw sizeValue.mistake(.outOfRange(size, low: range.lowerBound, high: range.upperBound))
    }
    self.init(
      index: index, size: size, kind: kind,
      isPrefetchable: try fields.boolean("prefetchable", or: false))
    if let value = fields["address"] {
      let highest: UInt64 = kind == .memory64 ? .max : 0xFFFF_FFFF
      address = try value.integer(in: 1...highest)
      guard address.isMultiple(of: size) else {
        throw value.mistake(.notMultiple(address, of: size))
      }
    }
    if isPrefetchable, kind == .io {
      throw try fields.required("prefetchable").mistake(
        .contradiction("an I/O BAR cannot be prefetchable"))
    }
    if let areas = fields["sparse-mmap"] { sparseAreas = try Self.areas(areas, size: size) }
  }

  private static func sizes(of kind: Kind) -> ClosedRange<UInt64> {
    switch kind {
    case .io: 4...0x10000
    case .memory32: 16...0x8000_0000
    case .memory64: 16...(1 << 40)
    }
  }

  private static func areas(
    _ list: YAMLValue, size: UInt64
  ) throws(HostDescriptionError) -> [HostArea] {
    var areas: [HostArea] = []
    for value in try list.items(limit: 64) {
      let fields = try value.fields(["offset", "size"])
      let offset = try fields.required("offset").size()
      let length = try fields.required("size").size()
      for number in [offset, length] where !number.isMultiple(of: 4096) {
        throw value.mistake(.notMultiple(number, of: 4096))
      }
      guard length > 0, offset <= size, length <= size - offset else {
        throw value.mistake(.outOfRange(offset &+ length, low: 4096, high: size))
      }
      areas.append(HostArea(offset: offset, size: length))
    }
    return areas
  }
}

extension HostROM {
  init(reading value: YAMLValue) throws(HostDescriptionError) {
    let fields = try value.fields(["size", "image", "address"])
    let sizeValue = try fields.required("size")
    let size = try sizeValue.size()
    guard size.nonzeroBitCount == 1 else { throw sizeValue.mistake(.notPowerOfTwo(size)) }
    guard (2048...(1 << 24)).contains(size) else {
      throw sizeValue.mistake(.outOfRange(size, low: 2048, high: 1 << 24))
    }
    var image: [UInt8] = []
    if let value = fields["image"] {
      image = try value.hexadecimalBytes()
      guard image.count <= Int(size) else {
        throw value.mistake(.pastEnd(image.count, size: Int(size)))
      }
    }
    self.init(size: size, image: image)
    if let value = fields["address"] {
      address = try value.integer(in: 1...0xFFFF_FFFF)
      guard address.isMultiple(of: size) else {
        throw value.mistake(.notMultiple(address, of: size))
      }
    }
  }
}

extension HostROM {
  /// Gives a ROM without contents the smallest valid image: the signature and a PCI data structure
  /// that names the function (PCI Firmware 3.0, 5.1).
  mutating func completeImage(for config: HostConfigSpace) {
    guard image.isEmpty else { return }
    var image = [UInt8](repeating: 0, count: 512)
    image.replaceSubrange(0..<3, with: [0x55, 0xAA, 1])
    image[0x18] = 0x1C
    image.replaceSubrange(0x1C..<0x20, with: Array("PCIR".utf8))
    image.replaceSubrange(0x20..<0x24, with: config.bytes[0..<4])
    image[0x26] = 0x18
    image.replaceSubrange(0x29..<0x2C, with: config.bytes[0x09..<0x0C])
    image[0x2C] = 1
    image[0x31] = 0x80
    self.image = image
  }
}
