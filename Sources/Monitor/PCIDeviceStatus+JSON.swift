internal import Machine
internal import PCI

extension PCIDeviceStatus {
  /// QMP's `PciDeviceInfo`, with the buses behind a bridge.
  var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init(name: "irq_pin", value: .integer(Int64(interrupt?.pin ?? 0))),
      .init(name: "bus", value: .integer(Int64(bus))),
    ]
    if let bridge { members.append(.init(name: "pci_bridge", value: bridge.json)) }
    members.append(.init(name: "qdev_id", value: .string(id ?? "")))
    if let interrupt {
      members.append(.init(name: "irq", value: .integer(Int64(interrupt.line))))
    }
    members.append(.init(name: "slot", value: .integer(Int64(slot))))
    members.append(.init(name: "class_info", value: classInformation))
    members.append(.init(name: "id", value: identification))
    members.append(.init(name: "function", value: .integer(Int64(function))))
    members.append(.init(name: "regions", value: .array(regions.map(\.json))))
    return .object(members)
  }

  private var classInformation: JSONValue {
    let number = JSONValue.Member(name: "class", value: .integer(Int64(classCode)))
    guard let name = PCIClassName.of(classCode) else { return .object([number]) }
    return .object([number, .init(name: "desc", value: .string(name))])
  }

  private var identification: JSONValue {
    var members = [JSONValue.Member(name: "device", value: .integer(Int64(identity.device)))]
    if let subsystem {
      members.append(
        .init(name: "subsystem-vendor", value: .integer(Int64(subsystem.vendor))))
    }
    members.append(.init(name: "vendor", value: .integer(Int64(identity.vendor))))
    if let subsystem {
      members.append(.init(name: "subsystem", value: .integer(Int64(subsystem.device))))
    }
    return .object(members)
  }
}

extension PCIDeviceStatus.Bridge {
  fileprivate var json: JSONValue {
    let bus: JSONValue = .object([
      "prefetchable_range": prefetchableMemory.json, "memory_range": memory.json,
      "secondary": .integer(Int64(secondaryBus)), "io_range": ports.json,
      "number": .integer(Int64(primaryBus)), "subordinate": .integer(Int64(subordinateBus)),
    ])
    guard !devices.isEmpty else { return .object(["bus": bus]) }
    return .object(["bus": bus, "devices": .array(devices.map(\.json))])
  }
}

extension BridgeHeader.Window {
  fileprivate var json: JSONValue {
    .object(["limit": .unsigned(limit), "base": .unsigned(base)])
  }
}

extension FunctionRegion {
  fileprivate var json: JSONValue {
    let place = address.map(JSONValue.unsigned) ?? .integer(-1)
    guard kind != .io else {
      return .object([
        "bar": .integer(Int64(index)), "size": .unsigned(size), "address": place,
        "type": .string("io"),
      ])
    }
    return .object([
      "prefetch": .bool(isPrefetchable), "mem_type_64": .bool(kind == .memory64),
      "bar": .integer(Int64(index)), "size": .unsigned(size), "address": place,
      "type": .string("memory"),
    ])
  }
}
