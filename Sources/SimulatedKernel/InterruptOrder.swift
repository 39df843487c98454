/// The part of a `VFIO_DEVICE_SET_IRQS` that says which vectors and with what.
package struct InterruptOrder {
  package enum Data {
    case none
    case switches([Bool])
    case events([Int32])

    /// Elements of 0, 1 or 4 bytes.
    package init(width: Int, bytes: [UInt8]) {
      switch width {
      case 0: self = .none
      case 1: self = .switches(bytes.map { $0 != 0 })
      default:
        self = .events(
          stride(from: 0, to: bytes.count, by: 4).map {
            UserMemory.value(Int32.self, from: bytes[$0..<$0 + 4])
          })
      }
    }
  }

  package var start: Int
  package var count: Int
  package var data: Data

  package init(start: Int, count: Int, data: Data) {
    self.start = start
    self.count = count
    self.data = data
  }

  /// Whether an order without events acts on the vector at a place.
  func acts(at place: Int) -> Bool {
    switch data {
    case .none: true
    case .switches(let switches): switches[place]
    case .events: false
    }
  }
}
