/// A global descriptor table with flat code at selector 0x10 and flat data at 0x18, as Linux's boot
/// protocols want them (SDM volume 3, 3.4.5).
struct FlatDescriptors {
  let bytes: [UInt8]

  init(is64Bit: Bool) {
    let code: UInt64 = is64Bit ? 0x00af_9b00_0000_ffff : 0x00cf_9b00_0000_ffff
    var bytes: [UInt8] = []
    for descriptor in [0, 0, code, 0x00cf_9300_0000_ffff] as [UInt64] {
      bytes.append(little: descriptor)
    }
    self.bytes = bytes
  }
}
