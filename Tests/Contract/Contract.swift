/// All cases of the contract, in the order of section 12 of the reference.
package enum Contract {
  package static let sections: [ContractSection] = [
    objects,
    framing,
    groups,
    binding,
    resetInformation,
  ]

  /// Every case.
  package static var cases: [ContractCase] { sections.flatMap(\.cases) }
}
