/// One row of the contract: what a call answers in a given state.
package struct ContractCase: Sendable {
  /// The row's number in section 12 of the reference; a rule that only its prose states, or that the
  /// lab taught, has a letter behind the number of the row that it belongs to.
  package let name: String
  /// Given, when and then in a few words.
  package let text: String
  /// What the host must have.
  package let needs: [Fixture]
  package let body: @Sendable (ContractHost) throws -> Void

  /// A row by number, with what it needs.
  package init(
    _ number: Int, _ text: String, _ needs: [Fixture] = [],
    _ body: @escaping @Sendable (ContractHost) throws -> Void
  ) {
    self.init("\(number)", text, needs, body)
  }

  /// A rule by name, such as `"125b"`.
  package init(
    _ name: String, _ text: String, _ needs: [Fixture] = [],
    _ body: @escaping @Sendable (ContractHost) throws -> Void
  ) {
    self.name = name
    self.text = text
    self.needs = needs
    self.body = body
  }
}

/// A section of the contract, such as 12.6, and its cases in order.
package struct ContractSection: Sendable {
  package let number: String
  package let title: String
  package let cases: [ContractCase]

  init(_ number: String, _ title: String, _ cases: [ContractCase]) {
    self.number = number
    self.title = title
    self.cases = cases
  }
}

/// How a case ended.
package enum ContractOutcome: Sendable, Equatable {
  case passed
  case failed(String)
  case skipped(String)
}
