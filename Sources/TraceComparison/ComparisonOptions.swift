/// What is compared and how, besides the two logs.
package struct ComparisonOptions: Sendable {
  /// The events that are compared, by today's names when `mapsDialects`.
  package var events: EventPatterns
  /// Only lines that name one of these functions are compared; none means all lines.
  package var devices: [DeviceAddress] = []
  /// Addresses of A that B names otherwise.
  package var addresses: AddressMap
  /// The part of A, and of B, that is compared.
  package var sectionOfA: Section?
  package var sectionOfB: Section?
  /// Whether events of older dialects are compared as today's.
  package var mapsDialects = false
  /// Whether lines that are no trace events are compared too.
  package var comparesText = false
  package var rules = ComparisonRules.none

  /// Everything is compared.
  package init() throws(ComparisonError) {
    events = try EventPatterns([])
    addresses = try AddressMap([])
  }
}

/// One of the two logs.
package enum Side: Sendable {
  case a
  case b
}
