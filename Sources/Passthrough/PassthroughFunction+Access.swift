internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO

extension PassthroughFunction {
  /// Reads config space as the guest does: our bits from the copy, the others with one host read.
  ///
  /// `length` is 1, 2 or 4 bytes. A fully emulated register makes no host call. A host read that
  /// fails gives all ones. Event: `vfio_pci_read_config`.
  package func readConfig(offset: Int, length: Int) -> UInt32 {
    let ones = UInt32.max >> UInt32(32 - 8 * min(max(length, 1), 4))
    var value = ones
    if image.isFullyEmulated(offset: offset, length: length) {
      value = image.read(offset: offset, length: length)
    } else {
      do throws(Errno) {
        let host = try device.readWord(
          configRegion, at: UInt64(clamping: offset), size: length)
        value = image.mergedRead(
          offset: offset, length: length, host: UInt32(truncatingIfNeeded: host))
      } catch {
        environment.diagnostics.error(
          "vfio_pci_read_config(\(name), 0x\(String(offset, radix: 16)), "
            + "0x\(String(length, radix: 16))) failed: \(error.description)")
        return ones
      }
    }
    environment.tracer.emit(
      .vfioPciReadConfig,
      [.text(name), .number(offset), .number(length), .number(value)])
    return value
  }

  /// Writes config space as the guest does: all of it to the host, which filters, and then to the
  /// copy. What is in the PASID capability that we made is not the host's: below it may lie a register
  /// of its own that the kernel hides but does not protect. Event: `vfio_pci_write_config`.
  package func writeConfig(offset: Int, length: Int, value: UInt32) {
    environment.tracer.emit(
      .vfioPciWriteConfig,
      [.text(name), .number(offset), .number(value), .number(length)])
    do throws(Errno) { try writeToHost(offset: offset, length: length, value: value) } catch {
      environment.diagnostics.error(
        "vfio_pci_write_config(\(name), 0x\(String(offset, radix: 16)), "
          + "0x\(String(value, radix: 16)), 0x\(String(length, radix: 16))) failed: "
          + error.description)
    }
    let wasMSIEnabled = msi?.isEnabled(in: image) ?? false
    let wasMSIXEnabled = msixCapability?.isEnabled(in: image) ?? false
    image.write(offset: offset, length: length, value: value)
    let write = ConfigWrite(offset: offset, length: length)
    if decidesMappings(write) { updateMappings() }
    if ordersReset(write, value) { followFunctionReset() }
    if let msi, write.touches(msi.offset, msi.length) {
      followMSIWrite(msi, wasEnabled: wasMSIEnabled)
    }
    if let msixCapability, write.touches(msixCapability.offset, MSIXCapability.length) {
      followMSIXWrite(msixCapability, wasEnabled: wasMSIXEnabled)
    }
  }

  /// Writes what is not in our PASID capability to the host: all at once, or byte by byte when the
  /// write begins or ends in it.
  private func writeToHost(offset: Int, length: Int, value: UInt32) throws(Errno) {
    let own = emulatedPASID?.bytes ?? 0..<0
    guard own.overlaps(offset..<offset + length) else {
      try device.writeWord(
        configRegion, at: UInt64(clamping: offset), size: length, value: UInt64(value))
      return
    }
    for index in 0..<length where !own.contains(offset + index) {
      try device.writeWord(
        configRegion, at: UInt64(clamping: offset + index), size: 1,
        value: UInt64(value >> UInt32(8 * index) & 0xff))
    }
  }

  /// The bytes that a guest writes at once.
  private struct ConfigWrite {
    let offset: Int
    let length: Int

    func touches(_ start: Int, _ size: Int) -> Bool {
      offset < start + size && offset + length > start
    }
  }

  /// Whether a write may move a BAR or switch it on or off.
  private func decidesMappings(_ write: ConfigWrite) -> Bool {
    if write.touches(0x04, 2) || write.touches(0x10, 24) || write.touches(0x30, 4) { return true }
    guard let control = powerManagement?.controlOffset else { return false }
    return write.touches(control, 2)
  }

  /// Whether a write sets a bit that has the function reset itself.
  private func ordersReset(_ write: ConfigWrite, _ value: UInt32) -> Bool {
    resetOrders.contains { order in
      write.touches(order.offset, 1)
        && value >> UInt32(8 * (order.offset - write.offset)) & order.bit != 0
    }
  }

  /// Follows a reset that the guest ordered and the host's kernel has carried out.
  ///
  /// Linux puts config space, MSI and MSI-X back as they were, so that BARs and interrupts of the
  /// guest stay; only the power state is D0 in any case. The guest's PASID is switched off, as that of
  /// a function of its own would be. BARs that the host exported it has revoked: other devices reach
  /// them again once the guest decodes them anew, as Linux does around a reset.
  private func followFunctionReset() {
    clearPASIDControl()
    guard let control = powerManagement?.controlOffset,
      let state = try? device.readWord(configRegion, at: UInt64(control), size: 2)
    else { return }
    image.set(control, image.byte(at: control) & ~3 | UInt8(truncatingIfNeeded: state) & 3)
    updateMappings()
  }

  /// Puts each BAR and the ROM where the copy says, all moves in one update of the guest's memory and
  /// one of its ports.
  func updateMappings() {
    let isAwake = powerManagement.map { $0.powerState(in: image) == 0 } ?? true
    let plan = BARPlan.make(
      from: barPlaces, image: image, layout: barLayout, rom: rom?.bar,
      isPowered: isAwake && hasSlotPower)
    barPlaces = plan.places
    guard !plan.moves.isEmpty else { return }
    environment.addressSpace.update {
      environment.ports.update {
        for move in plan.moves {
          if move.index == BARPlan.romIndex {
            placeROM(at: move.address)
          } else {
            regions[move.index].setAddress(move.address)
          }
        }
      }
    }
  }
}
