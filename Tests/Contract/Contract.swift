/// All cases of the contract, in the order of section 12 of the reference.
package enum Contract {
  package static let sections: [ContractSection] = [
    objects,
    framing,
    groups,
    binding,
    attaching,
    resetInformation,
    hotReset,
    functionReset,
    configSpace,
    regions,
    interrupts,
    ioasMappings,
    type1Mappings,
    iommufdAsContainer,
    noIOMMU,
    hardware,
    tokens,
    kvmDevice,
    nesting,
  ]

  /// Every case.
  package static var cases: [ContractCase] { sections.flatMap(\.cases) }
}
