package import HostKernel
internal import Hypervisor

extension Q35Board {
  /// First port and interrupt line of COM1 to COM4.
  package static let serialPlaces: [(port: UInt16, gsi: UInt32)] = [
    (0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3),
  ]

  /// Puts a 16550A at COM1 (0) to COM4 (3), as PCs have them; there are no more.
  package func addSerialPort(
    _ number: Int, _ backend: any CharacterBackend, clock: BoardClock, events: any EventSources
  ) {
    guard Self.serialPlaces.indices.contains(number) else { return }
    let place = Self.serialPlaces[number]
    let port = SerialPort(
      backend, clock: clock, events: events, setLine: lines.connect(place.gsi))
    ports.add("serial", place.port...(place.port + 7), port)
    onReset { port.reset() }
  }
}
