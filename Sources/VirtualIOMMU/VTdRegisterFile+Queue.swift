extension VTdRegisterFile {
  /// Where in guest memory the next descriptor is, 16 bytes of it, while there is one to run. A write
  /// leads to at most 32768 of them.
  package var nextDescriptor: UInt64? {
    guard let queue, let goal = queue.goal, self[VTdRegister.queueHead] != goal else { return nil }
    return queue.address &+ UInt64(self[VTdRegister.queueHead])
  }

  /// Runs the descriptor that was read at `nextDescriptor`; nil is one that could not be read. What the
  /// unit does not know stops the queue until the guest has cleared the fault and written the tail anew.
  package mutating func run(_ descriptor: (low: UInt64, high: UInt64)?) -> [VTdEffect] {
    guard nextDescriptor != nil, let queue else { return [] }
    guard
      let descriptor = descriptor.flatMap({
        VTdDescriptor(
          $0.low, $0.high, isWide: queue.isWide,
          hasPageRequests: capabilities.extendedCapability.hasPageRequests)
      })
    else { return stopQueue() }
    let next = self[VTdRegister.queueHead] + queue.step
    self[VTdRegister.queueHead] = next < queue.size ? next : 0
    guard case .wait(let store, let interrupts) = descriptor else { return [] }
    var effects: [VTdEffect] = []
    if let store { effects.append(.store(address: store.address, value: store.value)) }
    if interrupts, self[VTdRegister.completionStatus] == 0 {
      self[VTdRegister.completionStatus] = 1
      effects += raise(VTdRegister.completionEvent)
    }
    return effects
  }

  /// Sets the queue in motion towards its tail, or stops it if there can be none.
  mutating func followTail() -> [VTdEffect] {
    guard let queue, self[VTdRegister.faultStatus] & Self.queueError == 0 else { return [] }
    let tail = self[VTdRegister.queueTail]
    guard queue.reaches(tail) else { return stopQueue() }
    self.queue?.goal = tail
    return []
  }

  private mutating func stopQueue() -> [VTdEffect] {
    queue?.goal = nil
    self[VTdRegister.faultStatus] |= Self.queueError
    return raise(VTdRegister.faultEvent)
  }
}
