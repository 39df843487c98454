internal import Hypervisor
package import PCI

/// A `pcie-root-port` (1b36:000c): a bridge to one slot, with native hot plug.
///
/// As QEMU 11.1's: MSI-X of one vector or INTA for slot events, AER and ACS registers, 64-bit
/// prefetchable window. Left out: ISA and VGA modes of the bridge control, errors and power
/// management events of its own. Used only while the machine lock is held.
package final class RootPort: PCIBridge {
  package let options: RootPortOptions
  package let place: PCISlot
  package let secondaryBus: PCIBus
  package private(set) var header: BridgeHeader
  private var image: ConfigImage
  private var slot: HotPlugSlot
  private var vector = MSIXVector()
  private var wasInterruptPending = false
  /// When the last unanswered wish for each function ends, in nanoseconds.
  private var pendingUnplugs: [PCISlot: UInt64] = [:]

  private let host: BridgeHost
  private let windows: (memory: RegionID, ports: RegionID)
  private let bar: RegionID

  /// Builds the port for a reserved place, its bus closed; `host` is what it needs of the board.
  init(_ options: RootPortOptions, at place: PCISlot, of bus: PCIBus, host: BridgeHost) {
    self.options = options
    self.place = place
    self.host = host
    slot = HotPlugSlot(
      number: options.slot, hasPowerController: options.hasPowerController,
      isHotPluggable: options.isHotPluggable)
    image = ConfigImage(rootPort: options, slot: slot)
    header = BridgeHeader(in: image)
    let name = options.id ?? "pcie-root-port \(place.slot).\(place.function)"
    let window = MemoryRegion(
      name: name, base: 0, size: .max, priority: 1, kind: .bus(windows: []))
    windows = (host.memory.add(window, over: bus.memory), host.ports.add(window, over: bus.ports))
    secondaryBus = PCIBus(
      name: name, behind: place, of: bus, memory: windows.memory, ports: windows.ports)
    let registers = RootPortRegisters()
    bar = host.memory.add(
      MemoryRegion(
        name: "\(name) msix", base: 0, size: RootPortLayout.barSize, priority: 1,
        kind: .io(registers), isEnabled: false),
      over: bus.memory)
    registers.port = self
    secondaryBus.connect(self)
  }

  /// Takes the port's windows out of the guest, and what lies over them.
  deinit {
    host.memory.update {
      host.memory.remove(windows.memory)
      host.memory.remove(bar)
    }
    host.ports.remove(windows.ports)
  }

  // MARK: - Accesses

  package func readConfig(offset: Int, length: Int) -> UInt32 {
    if offset < RootPortLayout.linkStatus + 2, offset + length > RootPortLayout.linkStatus {
      image.set(RootPortLayout.linkStatus, linkStatus)
    }
    return image.read(offset: offset, length: length)
  }

  package var barRegions: [FunctionRegion] {
    [
      FunctionRegion(
        index: 0, kind: .memory32, size: RootPortLayout.barSize, address: registerAddress)
    ]
  }

  package func writeConfig(offset: Int, length: Int, value: UInt32) {
    let wasInReset = header.isSecondaryInReset
    image.write(offset: offset, length: length, value: value)
    let touched = offset..<(offset + length)
    if touched.overlaps(0x04..<0x06) || touched.overlaps(0x10..<0x14)
      || touched.overlaps(0x18..<0x30) || touched.overlaps(0x3e..<0x40)
    {
      forward()
    }
    if header.isSecondaryInReset, !wasInReset { secondaryBus.reset() }
    writeSlot(touched, value)
    if touched.overlaps(RootPortLayout.msix + 2..<RootPortLayout.msix + 4) { releaseMessage() }
    followEvents()
    followInterruptDisable()
  }

  /// Resets what is behind the port, then the port.
  package func reset() {
    secondaryBus.reset()
    slot.reset(isOccupied: secondaryBus.isPopulated)
    vector.reset()
    pendingUnplugs = [:]
    image.resetRootPort(slot)
    secondaryBus.isPowered = slot.isPowered
    forward()
    wasInterruptPending = false
    setPin(false)
  }

  /// Follows bus numbers, windows, command and BAR.
  private func forward() {
    header = BridgeHeader(in: image)
    let isOpen = secondaryBus.isPowered
    let address = registerAddress
    host.ports.setWindows(windows.ports, isOpen ? header.ports.map { [$0] } ?? [] : [])
    host.memory.update {
      host.memory.setWindows(windows.memory, isOpen ? header.memory : [])
      if let address { host.memory.move(bar, to: address) }
      host.memory.setEnabled(bar, address != nil)
    }
  }

  /// Where the BAR is; nil while decoding is off or there is no address.
  private var registerAddress: UInt64? {
    let address = UInt64(image.read(offset: 0x10, length: 4))
    let isPlaced =
      image.byte(at: 0x04) & 2 != 0 && address != 0
      && address + (RootPortLayout.barSize - 1) < 0xffff_ffff
    return isPlaced ? address : nil
  }

  /// The link's width and speed as the function at its other end has them.
  private var linkStatus: UInt16 {
    guard slot.isOccupied else { return RootPortLayout.linkStatus(options) }
    let active: UInt16 = 0x2000
    guard let function = secondaryBus.function(at: PCISlot(devfn: 0)),
      let offset = function.expressCapability
    else { return RootPortLayout.linkStatus(options) | active }
    let status = function.readConfig(offset: offset + 0x12, length: 2)
    return RootPortLayout.linkStatus(options, endpoint: UInt16(truncatingIfNeeded: status)) | active
  }

  // MARK: - Slot

  /// Hears of a function in the slot; after the machine was built a guest is told.
  package func functionArrived(at place: PCISlot, isHotPlug: Bool) {
    slot.occupy(isHotPlug: isHotPlug)
    // As in QEMU the function was reset before; one that finds no power is not reset again.
    secondaryBus.isPowered = slot.isPowered
    forward()
    followEvents()
  }

  package var hasOneSlot: Bool { true }

  /// Throws when no function can be hot plugged into the slot now, in QEMU's words.
  package func checkHotPlug() throws(HotPlugRefusal) {
    guard options.isHotPluggable else { throw .busHasNoHotPlug(secondaryBus.name) }
    if slot.isLocked { throw .isLocked }
  }

  /// Asks the guest to give up the functions in the slot, of which one is named: presses the attention
  /// button. They go when the guest turns the slot off, or at once when it is off. `onRemoval` of the
  /// bus hears of each. A wish counts for 5 s; `now` is the guest's time in nanoseconds.
  package func requestUnplug(_ place: PCISlot, now: UInt64) throws(HotPlugRefusal) {
    if let end = pendingUnplugs[place], now < end { throw .isPending }
    guard options.isHotPluggable else { throw .busHasNoHotPlug(secondaryBus.name) }
    let answer = slot.unplugAnswer
    if answer == .isLocked { throw .isLocked }
    if answer == .isBusy { throw .isBusy }
    if secondaryBus.function(at: place) == nil {
      remove(place)
    } else if answer == .isOff {
      eject()
      followEvents()
      slot.releaseAttentionButton()
    } else {
      pendingUnplugs[place] = now &+ 5_000_000_000
      slot.pressAttentionButton()
    }
    followEvents()
  }

  private func writeSlot(_ touched: Range<Int>, _ value: UInt32) {
    if let status = bits(of: value, touched, at: RootPortLayout.slotStatus, over: 0) {
      slot.writeStatus(status)
    }
    if let control = bits(
      of: value, touched, at: RootPortLayout.slotControl, over: slot.control)
    {
      let isGivenUp = slot.writeControl(control)
      if isGivenUp { eject() }
      setPower(slot.isPowered)
      followEvents()
      slot.completeCommand()
    }
  }

  /// The part of a write that goes to a 16-bit register, with bytes that are not written from `old`;
  /// nil when none is written.
  private func bits(
    of value: UInt32, _ touched: Range<Int>, at register: Int, over old: UInt16
  ) -> UInt16? {
    guard touched.overlaps(register..<register + 2) else { return nil }
    var result = old
    for index in 0..<2 where touched.contains(register + index) {
      let byte = UInt16(value >> UInt32(8 * (register + index - touched.lowerBound)) & 0xff)
      result = result & ~(0xff << UInt16(8 * index)) | byte << UInt16(8 * index)
    }
    return result
  }

  /// Takes every function out of the slot, function 0 first.
  private func eject() {
    let places = secondaryBus.occupiedPlaces
    for place in places { remove(place) }
    slot.vacate()
    pendingUnplugs = [:]
  }

  private func remove(_ place: PCISlot) {
    let function = secondaryBus.attachedFunction(at: place)
    secondaryBus.release(place)
    host.interrupts.release(place, on: secondaryBus)
    if let function { secondaryBus.onRemoval(place, function) }
  }

  /// Gives the functions in the slot power or takes it away, with a reset when that changes.
  private func setPower(_ isOn: Bool) {
    guard secondaryBus.isPowered != isOn else { return }
    secondaryBus.isPowered = isOn
    forward()
    secondaryBus.reset()
  }

  // MARK: - Interrupts

  /// Shows the slot's registers and signals what has become pending.
  private func followEvents() {
    image.setSlot(slot)
    let isPending = slot.isInterruptPending
    guard isPending != wasInterruptPending else { return }
    wasInterruptPending = isPending
    if messageControl & 0x8000 != 0 {
      if isPending, vector.signal(isFunctionMasked: isFunctionMasked) { sendMessage() }
    } else {
      followInterruptDisable()
    }
  }

  private var messageControl: UInt32 { image.read(offset: RootPortLayout.msix + 2, length: 2) }

  private var isFunctionMasked: Bool { messageControl & 0x4000 != 0 }

  private func releaseMessage() {
    guard messageControl & 0x8000 != 0 else { return }
    if vector.release(isFunctionMasked: isFunctionMasked) { sendMessage() }
  }

  /// Sends the message as a write to memory, which takes the bus master bit.
  private func sendMessage() {
    guard image.byte(at: 0x04) & 4 != 0 else { return }
    host.signal(vector.message.address, vector.message.data)
  }

  /// Drives INTA as pending events and the command's interrupt disable have it; with MSI-X it is low.
  private func followInterruptDisable() {
    let isDisabled = image.byte(at: 0x05) & 4 != 0 || messageControl & 0x8000 != 0
    let isHigh = slot.isInterruptPending && !isDisabled
    setPin(isHigh)
  }

  private func setPin(_ isHigh: Bool) {
    let status = image.byte(at: 0x06)
    guard (status & 0x08 != 0) != isHigh else { return }
    image.set(0x06, isHigh ? status | 0x08 : status & ~0x08)
    host.interrupts.setLevel(isHigh, place, on: host.bus, pin: 0)
  }

  // MARK: - BAR 0

  fileprivate func readTable(_ offset: UInt64, _ size: Int) -> UInt64 {
    if offset >= RootPortLayout.pendingOffset {
      return offset == RootPortLayout.pendingOffset && vector.isPending ? 1 : 0
    }
    return vector.read(offset: offset, size: size)
  }

  fileprivate func writeTable(_ offset: UInt64, _ size: Int, _ value: UInt64) {
    vector.write(offset: offset, size: size, value: value)
    releaseMessage()
  }
}

/// What a bridge needs of its board. Used only while the machine lock is held.
struct BridgeHost {
  let memory: AddressSpace
  let ports: AddressSpace
  let interrupts: InterruptRouter
  /// The bus that the bridge sits on; it owns the bridge.
  weak var bus: PCIBus?
  /// Sends a message-signalled interrupt: address and data.
  let signal: (UInt64, UInt32) -> Void
}

/// The memory behind a port's BAR 0, which must not keep the port alive.
private final class RootPortRegisters: MemoryHandler {
  weak var port: RootPort?

  func read(offset: UInt64, size: Int) -> UInt64 { port?.readTable(offset, size) ?? .max }

  func write(offset: UInt64, size: Int, value: UInt64) { port?.writeTable(offset, size, value) }
}
