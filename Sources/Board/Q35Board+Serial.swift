package import HostKernel
internal import Hypervisor

extension Q35Board {
  /// Puts a 16550A at COM1 (0) to COM4 (3), as PCs have them; there are no more.
  package func addSerialPort(
    _ number: Int, _ backend: any CharacterBackend, clock: BoardClock, events: any EventSources
  ) {
    let places: [(port: UInt16, gsi: UInt32)] = [(0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3)]
    guard places.indices.contains(number) else { return }
    let place = places[number]
    let port = SerialPort(
      backend, clock: clock, events: events, setLine: lines.connect(place.gsi))
    ports.add("serial", place.port...(place.port + 7), port)
    onReset { port.reset() }
  }
}
