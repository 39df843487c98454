import Hypervisor
import Passthrough
import TestSupport

/// A guest and a device that do anything, mostly where it matters.
struct RandomGuest {
  private var generator: SeededGenerator
  private let bench: FunctionBench

  init(seed: UInt64) throws {
    generator = SeededGenerator(seed: seed)
    var device = FunctionBench.Device()
    device.msix? += ", dynamic: \(seed % 2 == 0)"
    device.remapsInterrupts = seed % 3 != 0
    bench = try FunctionBench(
      device, hasMessageRoutes: seed % 5 != 0, hasResampleIRQFD: seed % 7 != 0,
      isHostTrusted: true)
    bench.placeTable()
  }

  /// Makes so many steps and gives back what they were made on.
  consuming func run(steps: Int) throws -> FunctionBench {
    for _ in 0..<steps { try step() }
    return bench
  }

  private mutating func step() throws {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0...2: writeConfig(FunctionBench.msix + 2, 2, [0, 0x8000, 0xc000, 0x4000])
    case 3: writeConfig(FunctionBench.msi + 2, 2, [0, 1, 0x11, 0x21, 0x71])
    case 4: writeConfig(FunctionBench.pm + 4, 2, [0, 3])
    case 5...6:
      let offset = UInt64.random(in: 0..<0x60, using: &generator)
      let size = [1, 2, 4, 8].randomElement(using: &generator) ?? 4
      bench.memory.write(
        0xfe00_0000 + offset & ~UInt64(size - 1), size: size,
        value: .random(in: 0...2, using: &generator))
    case 7: try bench.raise(Int.random(in: 0..<6, using: &generator))
    case 8:
      let length = [1, 2, 4].randomElement(using: &generator) ?? 4
      let offset = Int.random(in: 0..<0x100, using: &generator) & ~(length - 1)
      bench.write(offset, length, .random(in: 0...UInt32.max, using: &generator))
    default:
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bench.function.reset()
      case 1: bench.placeTable()
      default: _ = bench.read(Int.random(in: 0..<0x100, using: &generator), 1)
      }
    }
    _ = bench.log.take()
  }

  private mutating func writeConfig(_ offset: Int, _ length: Int, _ values: [UInt32]) {
    bench.write(offset, length, values.randomElement(using: &generator) ?? 0)
  }
}
