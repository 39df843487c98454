import TestSupport
import VirtualIOMMU

/// Devices of test hosts, by a letter or two and a bus number.
enum Devices {
  /// ECAP with scalable mode, second stage, PASIDs of 20 bits, device TLBs, snoop control.
  static let scalable: UInt64 = 0x4998_80f0_0fce
  /// Adds first stage and nesting, pages of 1 GiB excluded.
  static let nesting: UInt64 = scalable | 1 << 47 | 1 << 26
  static let noATS: UInt64 = 8

  static func iovaRanges(_ bits: Int) -> [ClosedRange<UInt64>] {
    let last = bits >= 64 ? UInt64.max : (1 << UInt64(bits)) - 1
    return [0...0xfedf_ffff, 0xfef0_0000...last]
  }

  /// A VT-d device.
  static func intel(
    _ name: String, bits: Int = 48, ecap: UInt64 = scalable, cap: UInt64 = 0, pasid: UInt8 = 0,
    capabilities: UInt64 = 0, unit: String = "dmar0", alignment: UInt64 = 4096,
    isBehindBridge: Bool = false
  ) -> DeviceFacts {
    DeviceFacts(
      name: name, unitName: unit,
      information: DeviceFacts.HardwareInformation(
        type: 1, data: vtd(cap: cap, ecap: ecap), maxPASIDLog2: pasid, capabilities: capabilities),
      iovaRanges: iovaRanges(bits), iovaAlignment: alignment,
      isBehindConventionalBridge: isBehindBridge)
  }

  /// ECAP with PASIDs of some width instead of 20 bits, 0 for none.
  static func ecap(pasid width: UInt64, from base: UInt64 = scalable) -> UInt64 {
    let cleared = base & ~(0x1f << 35 | 1 << 40)
    return width == 0 ? cleared : cleared | (width - 1) << 35 | 1 << 40
  }

  static let all: [String: DeviceFacts] = Dictionary(
    uniqueKeysWithValues: [
      // The lab's functions: 47 bits, no ATS, no PASID of their own.
      intel("lab", bits: 47, ecap: 0x8998_00f0_0f4a, capabilities: noATS),
      // The X710 pair: PASIDs with exec on the first function only.
      intel("x710.0", pasid: 20, capabilities: 2), intel("x710.1", capabilities: 0),
      // Exec and privileged in their combinations.
      intel("gpu", pasid: 20, capabilities: 6), intel("priv", pasid: 16, capabilities: 4),
      intel("plain", pasid: 16),
      // A second unit with less of everything.
      intel(
        "old", bits: 39, ecap: 0xf0_0f4a, capabilities: noATS, unit: "dmar1"),
      intel(
        "p16", ecap: ecap(pasid: 16), pasid: 16, capabilities: 2, unit: "dmar2"),
      intel("p8", ecap: ecap(pasid: 8), pasid: 8, unit: "dmar3"),
      intel("p8none", ecap: ecap(pasid: 8), unit: "dmar3"),
      intel("p0", ecap: ecap(pasid: 0), capabilities: noATS, unit: "dmar4"),
      intel("nosnoop", ecap: scalable & ~0x80, unit: "dmar5"),
      intel("nodt", ecap: scalable & ~0x4, capabilities: noATS, unit: "dmar6"),
      intel("dtlie", ecap: scalable & ~0x4, unit: "dmar6"),
      intel("nest", ecap: nesting, cap: 1 << 56, pasid: 20, unit: "dmar7"),
      intel("nest2m", ecap: nesting, pasid: 20, unit: "dmar8"),
      intel("nestbridge", ecap: nesting, cap: 1 << 56, unit: "dmar7", isBehindBridge: true),
      intel("fsonly", ecap: scalable | 1 << 47, unit: "dmar9"),
      intel("narrow", bits: 36, unit: "dmar10"), intel("b39", bits: 39), intel("b57", bits: 57),
      intel("pages64k", alignment: 65536),
      DeviceFacts(name: "group", backend: .legacy, iovaRanges: iovaRanges(48)),
      DeviceFacts(name: "groupunknown", backend: .legacy),
      DeviceFacts(name: "mute", iovaRanges: iovaRanges(48)),
      DeviceFacts(
        name: "silent",
        information: DeviceFacts.HardwareInformation(
          type: 0, data: [], maxPASIDLog2: 0, capabilities: noATS),
        iovaRanges: iovaRanges(48)),
      DeviceFacts(
        name: "strange",
        information: DeviceFacts.HardwareInformation(
          type: 77, data: [1, 2], maxPASIDLog2: 12, capabilities: 0),
        iovaRanges: iovaRanges(48)),
      DeviceFacts(
        name: "amd", unitName: "ivhd0",
        information: DeviceFacts.HardwareInformation(
          type: 4, data: bytes([(19 << 32 | 1 << 4, 8), (0, 8)]), maxPASIDLog2: 19,
          capabilities: 6),
        iovaRanges: iovaRanges(64)),
      DeviceFacts(
        name: "smmu", unitName: "smmu3.0",
        information: DeviceFacts.HardwareInformation(
          type: 2,
          data: bytes([(0, 8), (1 << 10, 4), (16 << 6, 4)]) + [UInt8](repeating: 0, count: 24),
          maxPASIDLog2: 16, capabilities: 2),
        iovaRanges: iovaRanges(52)),
    ].map { ($0.name, $0) })

  /// The devices of `a b c`.
  static func named(_ names: String) -> [DeviceFacts] {
    names.split(separator: " ").compactMap { all[String($0)] }
  }

  /// A device with anything in any field.
  static func random(_ name: String, using generator: inout SeededGenerator) -> DeviceFacts {
    let type = UInt32.random(in: 0...5, using: &generator)
    let length = Int.random(in: 0...48, using: &generator)
    var data = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
    if Bool.random(using: &generator) {
      let ecap = nesting ^ (1 << UInt64.random(in: 0...48, using: &generator))
      data = vtd(cap: Bool.random(using: &generator) ? 1 << 56 : 0, ecap: ecap)
    }
    let isLegacy = Int.random(in: 0...9, using: &generator) == 0
    let isKnown = !isLegacy && Int.random(in: 0...9, using: &generator) != 0
    let width = [36, 39, 40, 47, 48, 57, 64, 0].randomElement(using: &generator) ?? 48
    return DeviceFacts(
      name: name, unitName: nil, backend: isLegacy ? .legacy : .iommufd,
      information: isKnown
        ? DeviceFacts.HardwareInformation(
          type: data.count == 24 ? 1 : type, data: data,
          maxPASIDLog2: Bool.random(using: &generator)
            ? 0 : UInt8.random(in: 0...22, using: &generator),
          capabilities: UInt64.random(in: 0...15, using: &generator)) : nil,
      iovaRanges: width == 0 ? [] : iovaRanges(width),
      iovaAlignment: Int.random(in: 0...19, using: &generator) == 0 ? 65536 : 4096,
      isBehindConventionalBridge: Int.random(in: 0...9, using: &generator) == 0)
  }
}
