internal import VirtualIOMMU

extension CapabilityReport {
  /// The answer to `query-viommu`. A property's values are as the command line writes them, a unit's
  /// registers and page sizes are numbers, and what the host does not tell is left out.
  var json: JSONValue {
    .object([
      "type": .string("intel-iommu"), "frozen": .bool(isFrozen),
      "properties": .array(rows.map(\.json)),
      "table-modes": .array(tableModes.map { .string(Self.qapiName($0)) }),
      "table-levels": .integer(Int64(tableLevels)),
      "page-sizes": .array(
        (0..<64).filter { pageSizes >> $0 & 1 != 0 }.map { .unsigned(1 << $0) }),
      "functions": .array(functions.map(\.json)),
      "notes": .array(notes.map(JSONValue.string)),
    ])
  }

  /// A name as QAPI writes those of members and enumerations: `scalable-first-stage`.
  fileprivate static func qapiName(_ name: String) -> String {
    String(name.lowercased().map { $0 == " " || $0 == "_" ? "-" : $0 })
  }
}

extension CapabilityReport.Row {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init(name: "name", value: .string(property)),
      .init(name: "requested", value: .string(requested)),
    ]
    if let reserved { members.append(.init(name: "reserved", value: .string(reserved))) }
    members += [
      .init(name: "effective", value: .string(effective)),
      .init(name: "limited-by", value: .array(limitedBy.map(JSONValue.string))),
      .init(name: "reasons", value: .array(reasons.map(JSONValue.string))),
      .init(
        name: "devices",
        value: .array(
          devices.map { limit in
            .object([
              "device": .string(limit.device), "allowed": .string(limit.allowed),
              "reason": .string(limit.reason),
            ])
          })),
    ]
    return .object(members)
  }
}

extension CapabilityReport.Function {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [.init(name: "device", value: .string(device))]
    if let unit { members.append(.init(name: "unit", value: .string(unit))) }
    members += [
      .init(name: "unit-type", value: .string(CapabilityReport.qapiName(unitType))),
      .init(name: "address-width", value: .integer(Int64(addressWidth))),
      .init(name: "registers", value: .array(registers.map(\.json))),
    ]
    switch pasid {
    case .capability(let width, let exec, let privileged):
      members.append(
        .init(
          name: "pasid",
          value: .object([
            "width": .integer(Int64(width)), "exec": .bool(exec), "privileged": .bool(privileged),
          ])))
    case .none(let reason):
      members.append(.init(name: "no-pasid-reason", value: .string(reason.text)))
    }
    if let isATSUsable { members.append(.init(name: "ats-usable", value: .bool(isATSUsable))) }
    if let tracksDirtyPages {
      members.append(.init(name: "dirty-tracking", value: .bool(tracksDirtyPages)))
    }
    return .object(members)
  }
}

extension CapabilityReport.UnitRegister {
  fileprivate var json: JSONValue {
    .object([
      "name": .string(CapabilityReport.qapiName(name)), "value": .unsigned(bits),
      "fields": .array(
        fields.map { field in
          .object([
            "name": .string(CapabilityReport.qapiName(field.name)),
            "value": .integer(Int64(field.value)),
          ])
        }),
    ])
  }
}
