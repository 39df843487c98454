import PCI
import VirtualIOMMU

/// Reads properties as on the command line; what is missing is as in QEMU.
func request(
  _ text: String, defaults: VIOMMURequest = .qemuDefaults
) -> VIOMMURequest {
  var given: [VIOMMUProperty: VIOMMURequest.Choice] = [:]
  var reserves: [VIOMMUProperty: Int] = [:]
  for part in text.split(separator: ",") {
    let words = part.split(separator: "=").map(String.init)
    let value = ["on": 1, "off": 0][words[1]] ?? Int(words[1])
    if words[0].hasPrefix("reserve-") {
      VIOMMUProperty(rawValue: String(words[0].dropFirst(8))).map { reserves[$0] = value }
    } else if let property = VIOMMUProperty(rawValue: words[0]) {
      given[property] = value.map { .value($0) } ?? .auto
    }
  }
  return VIOMMURequest(given, reserves: reserves, defaults: defaults)
}

/// Two hexadecimal digits for each byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Reads `e00:03.0 b00:04.0`.
func scopes(_ text: String) -> [DMARTable.Scope] {
  text.split(separator: " ").compactMap { word in
    PCIAddress(String(word.dropFirst())).map { address in
      DMARTable.Scope(word.first == "b" ? .bridge : .endpoint, address)
    }
  }
}
