import Hypervisor
import PCI
import Testing
import Tracing
import VFIO

@testable import Passthrough

@Suite struct MSIXRelocationTests {
  private func registers(_ entries: Int) -> MSIXCapability.Registers {
    MSIXCapability.Registers(control: UInt16(entries - 1), table: 3, pending: 0x2003)
  }

  /// BAR 0 of 128 KiB, I/O BAR 2, BAR 3 of 16 KiB; 4 and 5 are free.
  private let sizes: [UInt64] = [0x2_0000, 0, 0x20, 0x4000, 0, 0]
  private let dwords: [UInt32] = [0, 0, 1, 0, 0, 0]

  @Test(
    arguments: [
      // A new BAR, 64-bit where there is room; BAR 1 has none beside it.
      (4, 5, 0x1000, 0, 0xc), (5, 5, 0x1000, 0, 0x8), (1, 5, 0x1000, 0, 0x8),
      (4, 2048, 0x1_0000, 0, 0xc), (4, 256, 0x2000, 0, 0xc),
      // A BAR that is there doubles, or more.
      (0, 5, 0x4_0000, 0x2_0000, 0), (3, 5, 0x8000, 0x4000, 0), (3, 2048, 0x2_0000, 0x1_0000, 0),
    ] as [(Int, Int, UInt64, UInt64, UInt32)])
  func theTableGetsPagesOfItsOwn(
    bar: Int, entries: Int, size: UInt64, offset: UInt64, dword: UInt32
  ) throws {
    let relocation = try MSIXRelocation.make(
      to: .bar(bar), registers(entries), sizes: sizes, dwords: dwords)
    #expect(relocation.sizes[bar] == size)
    #expect(relocation.dwords[bar] == dword)
    let table = relocation.registers
    #expect(table.tableBAR == bar && table.pendingBAR == bar && table.vectorCount == entries)
    #expect(table.tableOffset == offset)
    #expect(table.pendingOffset == offset + UInt64(entries) * 16)
    #expect(table.pendingOffset + table.pendingLength <= size)
  }

  @Test func whereItCannotGoIsSaidInQEMUsWords() {
    func message(
      _ target: MSIXRelocationTarget, _ sizes: [UInt64], _ dwords: [UInt32]
    ) -> String? {
      do throws(MSIXRelocation.Problem) {
        _ = try MSIXRelocation.make(to: target, registers(5), sizes: sizes, dwords: dwords)
        return nil
      } catch {
        return error.message(vendor: 0x8086, device: 0xd3)
      }
    }
    #expect(
      message(.automatic, sizes, dwords)
        == "No automatic MSI-X relocation available for device 8086:00d3")
    #expect(message(.bar(2), sizes, dwords) == "Invalid MSI-X relocation BAR 2, I/O port BAR")
    #expect(
      message(.bar(1), [0x1000, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0])
        == "Invalid MSI-X relocation BAR 1, consumed by 64-bit BAR 0")
    #expect(
      message(.bar(0), [1 << 31, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0])
        == "Invalid MSI-X relocation BAR 0, no space to extend 32-bit BAR")
    #expect(message(.bar(0), [1 << 31, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0]) == nil)
    #expect(message(.bar(0), [1 << 62, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0]) != nil)
    #expect(message(.bar(6), sizes, dwords) != nil)
  }

  private func bench(_ bar: Int) throws -> FunctionBench {
    var options = FunctionOptions()
    options.msixRelocation = .bar(bar)
    return try FunctionBench(options: options)
  }

  @Test func theGuestFindsANewBARWithTheTable() throws {
    let bench = try bench(4)
    #expect(bench.read(FunctionBench.msix + 4, 4) == 4)
    #expect(bench.read(FunctionBench.msix + 8, 4) == 0x54)
    bench.write(0x20, 4, .max)
    #expect(bench.read(0x20, 4) == 0xffff_f00c)
    bench.write(0x24, 4, 0)
    bench.placeTable(bar: 4)
    bench.write(FunctionBench.msix + 2, 2, 0x8004)
    _ = bench.log.take()
    bench.setEntry(0, data: 0x30, isMasked: false)
    #expect(bench.log.take().contains("accelerator: route 24 fee00000/30"))
    // What is neither table nor pending bits does not reach the device.
    #expect(bench.memory.read(0xfe00_0100, size: 4) == 0xffff_ffff)
    bench.memory.write(0xfe00_0100, size: 4, value: 1)
    #expect(bench.messages.lines.isEmpty && bench.log.take().isEmpty)
  }

  @Test func aBARThatIsThereGrowsForTheTable() throws {
    let bench = try bench(0)
    #expect(bench.read(FunctionBench.msix + 4, 4) == 0x1_0000)
    bench.write(0x10, 4, .max)
    #expect(bench.read(0x10, 4) == 0xfffe_0000)
    bench.write(0x10, 4, 0xfd00_0000)
    bench.write(4, 2, 6)
    bench.memory.write(0xfd01_0000 + 8, size: 4, value: 0x42)
    #expect(bench.memory.read(0xfd01_0000 + 8, size: 4) == 0x42)
    #expect(bench.memory.read(0xfd01_8000, size: 4) == 0xffff_ffff)
    // The first half is the device's, mapped.
    let first = try #require(bench.memory.flatView.sections.first)
    #expect(first.start == 0xfd00_0000 && first.last == 0xfd00_ffff && first.isDeviceRAM)
  }

  @Test func whatCannotBeRefusesTheFunction() throws {
    var options = FunctionOptions()
    options.msixRelocation = .automatic
    #expect(
      throws: AssignmentError.Failure.invalidMSIX(
        "No automatic MSI-X relocation available for device 8086:10d3")
    ) { _ = try FunctionBench(options: options) }
  }
}
