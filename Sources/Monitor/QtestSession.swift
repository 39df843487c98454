package import EventLoop
package import Machine

/// A conversation in the line protocol of QEMU's qtest: port and memory accesses, each answered by
/// one line. Interrupts and the clock are not part of it here.
@VMMain package final class QtestSession: MonitorSession {
  package var output = OutputQueue()
  private let control: any MachineControl
  private var line: [UInt8] = []
  private var isSkipping = false

  package init(control: any MachineControl) { self.control = control }

  package func open() {}

  package func announce(_ event: MachineEvent) {}

  package func receive(_ bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    while !output.isFull, !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n"))
      if !isSkipping {
        line += rest[..<(end ?? rest.endIndex)]
        if line.count > QtestRequest.lineLimit {
          send(QtestFailure.lineTooLong.text)
          line = []
          isSkipping = true
        }
      }
      guard let end else {
        rest = []
        break
      }
      rest = rest[(end + 1)...]
      if !isSkipping { send(answer()) }
      isSkipping = false
      line = []
    }
    return bytes.count - rest.count
  }

  private func answer() -> String {
    do throws(QtestFailure) {
      return perform(try QtestRequest(line: line[...]))
    } catch {
      return error.text
    }
  }

  private func perform(_ request: QtestRequest) -> String {
    switch request {
    case .readPort(let port, let size):
      return "OK 0x" + hex(UInt64(control.readPort(port, size: size)), digits: 4)
    case .writePort(let port, let size, let value):
      control.writePort(port, size: size, value: value)
    case .readMemory(let address, let size):
      return "OK 0x" + hex(control.readMemory(address, size: size), digits: 16)
    case .writeMemory(let address, let size, let value):
      control.writeMemory(address, size: size, value: value)
    case .readBlock(let address, let count):
      return "OK 0x" + hexBytes(at: address, count: count)
    case .writeBlock(let address, let bytes):
      write(bytes.count, at: address) { bytes[$0] }
    case .fillBlock(let address, let count, let byte):
      write(count, at: address) { _ in byte }
    case .endianness: return "OK little"
    }
    return "OK"
  }

  private func hexBytes(at address: UInt64, count: Int) -> String {
    var digits: [UInt8] = []
    digits.reserveCapacity(count * 2)
    BlockAccess.forEach(address, count: count) { address, _, size in
      var value = control.readMemory(address, size: size)
      for _ in 0..<size {
        digits.append(hexDigits[Int(value >> 4 & 0xf)])
        digits.append(hexDigits[Int(value & 0xf)])
        value >>= 8
      }
    }
    return String(decoding: digits, as: UTF8.self)
  }

  private func write(_ count: Int, at address: UInt64, _ byte: (Int) -> UInt8) {
    BlockAccess.forEach(address, count: count) { address, offset, size in
      var value: UInt64 = 0
      for index in (0..<size).reversed() { value = value << 8 | UInt64(byte(offset + index)) }
      control.writeMemory(address, size: size, value: value)
    }
  }

  private func send(_ text: String) {
    output.append(text.utf8)
    output.append(CollectionOfOne(UInt8(ascii: "\n")))
  }
}

private let hexDigits = Array("0123456789abcdef".utf8)

/// At least `digits` lower-case hexadecimal digits.
private func hex(_ value: UInt64, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
