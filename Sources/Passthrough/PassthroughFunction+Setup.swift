internal import HostKernel
internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO
internal import VirtualIOMMU

extension PassthroughFunction {
  /// Prepares the copy of config space and puts the BARs into the guest. Events:
  /// `vfio_pci_emulated_*`, `vfio_pci_size_rom`, `vfio_msix_early_setup`, `vfio_msix_fixup`, `vfio_region_mmap`,
  /// `vfio_region_dmabuf`.
  func setUpConfig() throws(AssignmentError.Failure) {
    try setUpIdentity()
    image.emulate(0x0e, mask: UInt8(0x80))
    let headerType = image.byte(at: 0x0e)
    image.set(0x0e, options.isMultifunction ? headerType | 0x80 : headerType & 0x7f)
    image.makeCommandWritable()
    image.apply(ConfigEdit(offset: PCIRegister.rom, value: 0, mask: .max))
    try setUpHostROM()
    let dwords = try readBARs()
    barLayout = BARLayout(sizes: regions.map(\.info.size), dwords: dwords)
    for index in barLayout.unusable {
      environment.diagnostics.warning(
        "vfio \(name): the host reports 0x\(String(regions[index].info.size, radix: 16)) bytes for "
          + "BAR \(index), which no BAR can have: the guest does not get it")
    }
    try setUpMSIX()
    try relocateMSIX(dwords)
    barLayout.install(in: &image)
    for region in regions {
      if region.info.size > 0 { region.map() }
      guard let bar = barLayout[region.index] else { continue }
      if bar.kind == .io {
        region.enterGuest(bar, in: environment.ports, over: place.portRegion)
      } else {
        region.enterGuest(bar, in: environment.addressSpace, over: place.memoryRegion)
      }
    }
  }

  /// Reads what kind of BAR each region has on the host.
  private func readBARs() throws(AssignmentError.Failure) -> [UInt32] {
    var dwords: [UInt32] = []
    for region in regions {
      dwords.append(region.info.size > 0 ? try rawRead(PCIRegister.bar(region.index), 4) : 0)
    }
    return dwords
  }

  /// Moves the MSI-X table to the BAR that was asked for, if any. Event: `vfio_msix_relo`.
  private func relocateMSIX(_ dwords: [UInt32]) throws(AssignmentError.Failure) {
    guard let target = options.msixRelocation, let original = msix else { return }
    do throws(MSIXRelocation.Problem) {
      let relocation = try MSIXRelocation.make(
        to: target, original, sizes: regions.map(\.info.size), dwords: dwords)
      msix = relocation.registers
      isMSIXRelocated = true
      barLayout = BARLayout(sizes: relocation.sizes, dwords: relocation.dwords)
      environment.tracer.emit(
        .vfioMsixRelo,
        [
          .text(name), .number(relocation.registers.tableBAR),
          .number(relocation.registers.tableOffset),
        ])
    } catch {
      throw .invalidMSIX(
        error.message(
          vendor: image.read(offset: 0, length: 2), device: image.read(offset: 2, length: 2)))
    }
  }

  /// Decodes the MSI-X capability and cuts its table's pages out of the mappings where they may not
  /// be mapped.
  private func setUpMSIX() throws(AssignmentError.Failure) {
    guard
      let position = CapabilityWalk.standard(in: image.values).capabilities.first(where: {
        $0.id == .msix
      })?.offset
    else { return }
    let control = try rawRead(position + 2, 2)
    let table = try rawRead(position + 4, 4)
    let pending = try rawRead(position + 8, 4)
    let interrupt: InterruptInfo
    do throws(Errno) { interrupt = try device.interruptInfo(2) } catch {
      throw .noMSIXInterrupt(error)
    }
    let layout = MSIXCapability.Registers(
      control: UInt16(truncatingIfNeeded: control), table: table, pending: pending)
    guard layout.tableBAR < 6, layout.pendingBAR < 6 else {
      throw .invalidMSIX(
        "invalid MSI-X BIR, table_bar=\(layout.tableBAR) pba_bar=\(layout.pendingBAR)")
    }
    let pendingRegion = regions[layout.pendingBAR].info
    guard layout.pendingOffset < pendingRegion.size else {
      throw .invalidMSIX(
        "hardware reports invalid configuration, MSIX PBA outside of specified BAR")
    }
    msix = layout
    hasDynamicVectors = !interrupt.isNotResizable
    environment.tracer.emit(
      .vfioMsixEarlySetup,
      [
        .text(name), .number(position), .number(layout.tableBAR), .number(layout.tableOffset),
        .number(layout.vectorCount), .flag(interrupt.isNotResizable),
      ])
    let region = regions[layout.tableBAR]
    guard !region.info.isMSIXMappable,
      let left = layout.areasWithoutTable(of: region.areas, size: region.info.size)
    else { return }
    region.areas = left
    let shown = left.isEmpty ? [RegionInfo.Area(offset: 0, size: 0)] : left
    for area in shown {
      environment.tracer.emit(
        .vfioMsixFixup,
        [
          .text(name), .number(layout.tableBAR), .number(area.offset),
          .number(area.offset &+ area.size),
        ])
    }
  }

  /// Reads the device's config space behind the trace, as `size` little-endian bytes.
  func rawRead(
    _ offset: Int, _ size: Int
  ) throws(AssignmentError.Failure) -> UInt32 {
    do throws(Errno) {
      return UInt32(
        truncatingIfNeeded: try device.readWord(configRegion, at: UInt64(offset), size: size))
    } catch {
      throw .cannotReadConfig(error)
    }
  }

  // MARK: - Capabilities

  /// Rebuilds the guest's capability chains and learns how the function can be reset. Events in
  /// QEMU's order: the standard chain from its tail, then dropped extended capabilities.
  func setUpCapabilities() throws(AssignmentError.Failure) {
    let walk = CapabilityWalk.standard(in: image.values)
    let placement: PCIeCapability.Placement = place.isOnRootBus ? .rootComplex : .behindPort
    for capability in walk.capabilities.reversed() { try learn(capability) }
    let original = image
    expressCapability =
      walk.capabilities.first {
        $0.id == .pcie && PCIeCapability(in: original, at: $0.offset).isShown(placement)
      }?.offset
    func pcie(_ capability: CapabilityWalk.StandardCapability) -> PCIeCapability? {
      capability.id == .pcie ? PCIeCapability(in: original, at: capability.offset) : nil
    }
    let plan = CapabilityChainPlan.standard(
      walk, isKept: { pcie($0)?.isShown(placement) ?? true },
      rewriting: { pcie($0)?.edits(for: placement) ?? [] })
    plan.apply(to: &image)
    setUpMessageInterrupts(walk)
    abilities.hasReset = device.hasReset
    try setUpExtendedCapabilities()
  }

  /// Hides what a guest cannot use, and ATS if it is to be hidden, and shows each resizable BAR with
  /// its present size only; hidden without a trace when that size cannot be shown.
  private func setUpExtendedCapabilities() throws(AssignmentError.Failure) {
    let ats = try decideATS()
    let walk = CapabilityWalk.extended(in: image.values)
    for capability in walk.capabilities where capability.id.isAlwaysHidden {
      environment.tracer.emit(
        .vfioAddExtCapDropped,
        [.text(name), .number(capability.id.rawValue), .number(capability.offset)])
    }
    let original = image
    func edits(_ capability: CapabilityWalk.ExtendedCapability) -> [ConfigEdit]? {
      guard capability.id == .resizableBAR else { return [] }
      return ResizableBARCapability(in: original, capability).edits
    }
    let plan = CapabilityChainPlan.extended(
      walk,
      isKept: { capability in
        switch capability.id {
        case .ats: ats.isShown
        // A guest's is made by us, of what its vIOMMU offers.
        case .pasid: false
        case let id: !id.isAlwaysHidden && edits(capability) != nil
        }
      }, rewriting: { edits($0) ?? [] })
    plan.apply(to: &image)
    if let warning = ats.warning { environment.diagnostics.warning(warning.message) }
  }

  /// Decides whether the guest finds the ATS capability.
  private func decideATS() throws(AssignmentError.Failure) -> ATSDecision {
    do throws(ATSDecision.NotSupported) {
      let decision = try ATSDecision(
        options.ats, host: ATSDecision.HostAnswer(DeviceFacts(device)),
        hasCapability: hasATSCapability)
      isATSShown = decision.isShown
      return decision
    } catch {
      throw .atsNotSupported(message: error.message, hint: error.hint)
    }
  }

  /// Notes what one capability says about resets and interrupts.
  private func learn(
    _ capability: CapabilityWalk.StandardCapability
  ) throws(AssignmentError.Failure) {
    let tracer = environment.tracer
    switch capability.id {
    case .msi:
      tracer.emit(.vfioMsiSetup, [.text(name), .number(capability.offset)])
    case .pcie:
      let pcie = PCIeCapability(in: image, at: capability.offset)
      if pcie.hasFLR {
        tracer.emit(.vfioCheckPcieFlr, [.text(name)])
        resetOrders.append(ResetOrder(offset: capability.offset + 9, bit: 0x80))
        abilities.hasFLR = true
      }
      guard pcie.isEndpoint else { throw .unsupportedPCIeType(pcie.type) }
    case .powerManagement:
      let power = PowerManagementCapability(in: image, at: capability.offset)
      powerManagement = power
      if !power.keepsStateInD3hot {
        tracer.emit(.vfioCheckPmReset, [.text(name)])
        abilities.hasPMReset = true
      }
    case .advancedFeatures:
      if AdvancedFeaturesCapability(in: image, at: capability.offset).hasFLR {
        tracer.emit(.vfioCheckAfFlr, [.text(name)])
        resetOrders.append(ResetOrder(offset: capability.offset + 4, bit: 0x01))
        abilities.hasFLR = true
      }
    default:
      break
    }
  }

  /// Emulates the MSI and MSI-X capabilities and lays the MSI-X table over its BAR.
  private func setUpMessageInterrupts(_ walk: CapabilityWalk.Standard) {
    for capability in walk.capabilities {
      switch capability.id {
      case .msi:
        let capability = MSICapability(in: image, at: capability.offset)
        capability.emulate(in: &image)
        msi = capability
      case .msix:
        let capability = MSIXCapability(at: capability.offset)
        capability.emulate(in: &image, relocated: isMSIXRelocated ? msix : nil)
        if msix != nil { msixCapability = capability }
      case .powerManagement:
        PowerManagementCapability(in: image, at: capability.offset).trackPowerState(in: &image)
      default:
        break
      }
    }
    guard let msix else { return }
    let table = MSIXTable(entries: msix.vectorCount)
    msixTable = table
    table.onMaskChange = { [unowned self] in vectorMaskChanged($0, isMasked: $1) }
    regions[msix.tableBAR].overlay(
      table, name: "\(name) msix-table", offset: msix.tableOffset, size: msix.tableLength)
    pendingBits = regions[msix.pendingBAR].overlay(
      PendingBits(of: table), name: "\(name) msix-pba", offset: msix.pendingOffset,
      size: msix.pendingLength, isEnabled: false)
  }
}
