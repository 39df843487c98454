import TestSupport
import Testing
import VirtualIOMMU

/// Hosts, what is asked of the vIOMMU on them, and what comes of it.
@Suite struct ResolverTableTests {
  typealias Row = CapabilityTable.Row

  static let rows = CapabilityTable.rows

  /// The outcome in the words of a row.
  static func outcome(of row: Row, in order: ([DeviceFacts]) -> [DeviceFacts] = { $0 }) -> [String]
  {
    let devices = order(Devices.named(row.devices))
    do throws(ResolutionError) {
      let resolution = try Resolver.resolve(
        request(row.request, defaults: VIOMMURequest([.sharedVirtualMemory: 0])),
        devices: devices)
      return row.expected.split(separator: " ").map { word in
        if let hash = word.firstIndex(of: "#") {
          let name = String(word[..<hash])
          return "\(name)#"
            + (devices.first { $0.name == name }.map { Self.word(resolution.pasid(of: $0)) } ?? "?")
        }
        guard let property = VIOMMUProperty(rawValue: String(word.split(separator: "=")[0])) else {
          return "accepted"
        }
        let decision = resolution.decision(on: property)
        let limiters = decision.limiters.map(\.name).joined(separator: ",")
        return property.assignment(decision.effective) + (limiters.isEmpty ? "" : ":" + limiters)
      }
    } catch .refused(let refusals) {
      return refusals.map { refusal in
        "!\(refusal.property.rawValue):\(refusal.limiter.name)="
          + (refusal.working.map(refusal.property.text) ?? "-")
      }
    } catch {
      return error.messages
    }
  }

  static func word(_ pasid: FunctionPASID) -> String {
    switch pasid {
    case .capability(let width, let exec, let privileged):
      "\(width)\(exec ? "x" : "")\(privileged ? "p" : "")"
    case .none(.legacyBackend): "legacyBackend"
    case .none(.noInformation): "noInformation"
    case .none(.deviceHasNone): "deviceHasNone"
    case .none(.notOffered): "notOffered"
    case .none(.noPlace): "noPlace"
    }
  }

  @Test(arguments: rows)
  func `A host and a request have the expected outcome and limiting device`(row: Row) {
    #expect(Self.outcome(of: row).joined(separator: " ") == row.expected)
    #expect(Self.outcome(of: row, in: { $0.reversed() }).joined(separator: " ") == row.expected)
  }

  @Test func `The table has at least sixty rows and each names devices that exist`() {
    #expect(Self.rows.count >= 60)
    for row in Self.rows {
      #expect(Devices.named(row.devices).count == row.devices.split(separator: " ").count)
    }
  }
}
