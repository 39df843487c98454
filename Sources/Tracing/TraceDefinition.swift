/// The name and printf-like format of an event in one dialect.
package struct TraceForm: Sendable {
  /// The event's name as it starts a line.
  package let name: StaticString
  /// What follows the name and one space: literal text and the conversions of `TraceFormatter`.
  package let format: StaticString

  init(_ name: StaticString, _ format: StaticString) {
    self.name = name
    self.format = format
  }
}

/// An event's form today and, where it was another, in the 2022 to 2023 iommufd proposals.
package struct TraceDefinition: Sendable {
  package let event: TraceEvent
  /// QEMU 11.1's form.
  package let current: TraceForm
  /// The form in the third version of the iommufd proposal, when it differed.
  package let proposal: TraceForm?

  init(
    _ event: TraceEvent, _ name: StaticString, _ format: StaticString,
    proposal: TraceForm? = nil
  ) {
    self.event = event
    self.current = TraceForm(name, format)
    self.proposal = proposal
  }

  /// The form that `dialect` prints.
  package func form(in dialect: TraceDialect) -> TraceForm {
    switch dialect {
    case .qemu11: current
    case .iommufdRFCv3: proposal ?? current
    }
  }
}

/// Whose event names and formats a log shows.
package enum TraceDialect: String, Sendable, CaseIterable {
  case qemu11 = "qemu-11.1"
  case iommufdRFCv3 = "iommufd-rfcv3"
}
