import Board
import Glibc
import HostKernel
import Hypervisor
import SystemPackage
import Testing

@Suite struct FirmwareTests {
  private let folder: TemporaryFolder
  private let board: Q35Board

  init() throws {
    folder = try TemporaryFolder()
    board = try Q35Board(
      ramSize: 1 << 20,
      accelerator: QtestAccelerator(events: ManualEventSources(), irqfd: true), on: LinuxKernel()
    ) {}
  }

  /// Writes an image whose last four bytes are a mark; gives its path.
  private func image(size: Int) -> String {
    let path = folder.file("a")
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT, 0o600)
    defer { close(descriptor) }
    if size >= 4 {
      let mark: [UInt8] = [0xef, 0xbe, 0xad, 0xde]
      _ = unsafe pwrite(descriptor, mark, 4, off_t(size - 4))
    } else {
      _ = ftruncate(descriptor, off_t(size))
    }
    return path
  }

  @Test(arguments: [0x10000, 0x20000, 0x30000, 16 << 20])
  func anImageEndsAt4GiBAndTakesNoWrite(size: Int) throws {
    try board.addFirmware(image(size: size), on: LinuxKernel())
    #expect(board.memory.read(0xffff_fffc, size: 4) == 0xdead_beef)
    #expect(board.memory.read(1 << 32 - UInt64(size), size: 4) == 0)
    #expect(board.memory.read(1 << 32 - UInt64(size) - 4, size: 4) == 0xffff_ffff)
    board.memory.write(0xffff_fffc, size: 4, value: 1)
    #expect(board.memory.read(0xffff_fffc, size: 4) == 0xdead_beef)
    board.reset()
    #expect(board.memory.read(0xffff_fffc, size: 4) == 0xdead_beef)
  }

  @Test(arguments: [0, 1, 0xffff, 0x10001, 16 << 20 + 0x10000])
  func anImageOfAnotherSizeIsRefused(size: Int) {
    let path = image(size: size)
    #expect(throws: BoardError.firmware(path: path, .size(UInt64(size)))) {
      try board.addFirmware(path, on: LinuxKernel())
    }
    #expect(board.memory.read(0xffff_fffc, size: 4) == 0xffff_ffff)
  }

  @Test func aMissingImageIsNamedInQEMUsWords() {
    let error = #expect(throws: BoardError.self) {
      try board.addFirmware("/nowhere/image", on: LinuxKernel())
    }
    #expect(
      error?.message.split(separator: "\n").first == "could not load PC BIOS '/nowhere/image'")
  }
}
