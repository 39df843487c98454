import HostKernel
import PCI
import TestSupport
import Testing
import VirtualIOMMU

@testable import Passthrough

/// The PASID capability of an assigned function, as its guest finds it.
@Suite struct ShownPASIDTests {
  private typealias Bench = FunctionBench
  private typealias Place = ExtendedCapabilityPlacement.Place

  private static let full = FunctionPASID.capability(width: 20, exec: true, privileged: true)
  /// AER, ARI, SR-IOV, ATS: ARI and SR-IOV are not for guests.
  private static let adapter: [(id: UInt16, offset: Int)] = [
    (0x01, 0x100), (0x0e, 0x148), (0x10, 0x160), (0x0f, 0x1a0),
  ]

  /// One with which the host can use ATS.
  private static let device = Bench.Device(
    extended: ["id: ats, at: 0x100"], unit: ["device-tlb: true"])

  private func bench(
    _ chain: HostChain, at place: ExtendedCapabilityPlacement.Place = .auto, hasFLR: Bool = true
  ) throws -> Bench {
    var device = Self.device
    device.hasFLR = hasFLR
    var options = FunctionOptions()
    options.vpasidCapabilityOffset = place
    return try Bench(device, options: options, extendedCapabilities: chain)
  }

  // MARK: - Where it goes

  /// A host's chain, where the capability was asked for, and the guest's chain with it.
  struct Layout: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let chain: [(id: UInt16, offset: Int)]
    var place = ExtendedCapabilityPlacement.Place.auto
    let found: [Int]
  }

  private static let layouts: [Layout] = [
    Layout(
      testDescription: "hidden capabilities are passed by", chain: adapter,
      found: [0x100, 0x1a0, 0xff8]),
    Layout(
      testDescription: "an offset between two", chain: adapter, place: .at(0x1a8),
      found: [0x100, 0x1a0, 0x1a8]),
    Layout(
      testDescription: "an offset before the last", chain: [(1, 0x100), (3, 0x200)],
      place: .at(0x180), found: [0x100, 0x180, 0x200]),
    Layout(testDescription: "nothing at all", chain: [], found: [0x100]),
    Layout(
      testDescription: "nothing at all, and an offset", chain: [], place: .at(0x400),
      found: [0x100, 0x400]),
    Layout(
      testDescription: "a head that the kernel blanked", chain: [(0, 0x100), (0x0f, 0x120)],
      found: [0x100, 0x120, 0xff8]),
    Layout(
      testDescription: "a head that is not for guests", chain: [(0x10, 0x100), (0x0f, 0x140)],
      found: [0x100, 0x140, 0xff8]),
    Layout(
      testDescription: "all hidden", chain: [(0x10, 0x100), (0x0e, 0x140)], found: [0x100, 0xff8]),
    Layout(
      testDescription: "one of the host's own", chain: [(0x1b, 0x100), (0x0f, 0x108)],
      found: [0x100, 0x108, 0xff8]),
    Layout(
      testDescription: "the host's own in the middle",
      chain: [(1, 0x100), (0x1b, 0x150), (0x0f, 0x160)], found: [0x100, 0x160, 0xff8]),
    Layout(
      testDescription: "a chain that goes down", chain: [(1, 0x100), (0x0f, 0x800), (3, 0x200)],
      found: [0x100, 0x800, 0xff8, 0x200]),
    Layout(
      testDescription: "a body at the end", chain: [(1, 0x100), (0x0f, 0xff8)],
      found: [0x100, 0xff0, 0xff8]),
  ]

  @Test(arguments: layouts)
  func `It is linked into the chain at a free span`(layout: Layout) throws {
    let bench = try bench(HostChain(layout.chain), at: layout.place)
    try bench.function.show(Self.full)
    let walk = bench.guestChain
    #expect(walk.problem == nil)
    #expect(walk.capabilities.map(\.offset) == layout.found)
    let own = walk.capabilities.filter { $0.id == .pasid }
    #expect(own.map(\.offset) == [bench.function.pasidCapability])
    #expect(own.map(\.version) == [1])
    let offset = try #require(bench.function.pasidCapability)
    #expect(bench.read(offset + 4, 4) == 0x1406)
    #expect(
      bench.log.take() == [
        "vfio_pci_synthesize_pasid_cap 0000:81:00.0 offset: 0x\(String(offset, radix: 16))"
      ])
  }

  @Test(
    arguments: [
      ([(1, 0x100), (3, 0xffc)], .auto, .headerAtEnd, nil),
      ([(1, 0x100), (0x99, 0x148)], .auto, .noRoom, nil),
      ([(1, 0x100), (0x0f, 0x148)], .at(0x148), .taken(0x148, by: .ats, at: 0x148), 0xff8),
      (
        [(1, 0x100), (0x0f, 0x148)], .at(0x144), .taken(0x144, by: .init(rawValue: 1), at: 0x100),
        0xff8
      ),
      ([(1, 0x100), (0x10, 0x148)], .at(0x160), .taken(0x160, by: .sriov, at: 0x148), 0xff8),
      ([(1, 0x100)], .at(0x103), .badOffset(0x103), 0xff8),
      ([(1, 0x100)], .at(0xffc), .badOffset(0xffc), 0xff8),
      ([(1, 0x100)], .at(0x40), .badOffset(0x40), 0xff8),
      ([], .at(0x102), .badOffset(0x102), 0x100),
    ]
      as [(
        [(UInt16, Int)], ExtendedCapabilityPlacement.Place, ExtendedCapabilityPlacement.Refusal,
        Int?
      )])
  func `Where it cannot go it is refused, and the guest finds none`(
    chain: [(UInt16, Int)], place: ExtendedCapabilityPlacement.Place,
    refusal: ExtendedCapabilityPlacement.Refusal, free: Int?
  ) throws {
    let bench = try bench(HostChain(chain.map { ($0.0, $0.1) }), at: place)
    let before = bench.guestView
    let error = #expect(throws: PASIDCapabilityRefusal.self) { try bench.function.show(Self.full) }
    #expect(
      error
        == PASIDCapabilityRefusal(
          device: Bench.name, place: place, reason: .placement(refusal), freeOffset: free))
    #expect(bench.guestView == before)
    #expect(bench.function.pasidCapability == nil)
    #expect(bench.log.take() == [])
  }

  @Test func `A refusal has QEMU's words, the reason and what would work`() throws {
    let bench = try bench(HostChain(Self.adapter), at: .at(0x1a0))
    let error = #expect(throws: PASIDCapabilityRefusal.self) { try bench.function.show(Self.full) }
    #expect(error?.message == "vfio: Placing PASID capability at offset 0x1a0 failed")
    #expect(
      error?.hint
        == "0000:81:00.0 shows its guest no PASID capability: 0x1a0 is taken by capability "
        + "0xf at 0x1a0: x-vpasid-cap-offset=auto would put it at 0xff8.")
  }

  @Test func `Looped and cut off chains are refused with what is wrong`() throws {
    var looped = HostChain(Self.adapter)
    looped.put(0x1a0, 0x1481_000f)
    var outside = HostChain(Self.adapter)
    outside.put(0x1a0, 0x0401_000f)
    for (chain, problem) in [
      (looped, CapabilityWalk.Problem.loop(at: 0x148)), (outside, .outside(at: 0x40)),
    ] {
      let bench = try bench(chain)
      #expect(bench.guestChain.capabilities.map(\.offset) == [0x100, 0x1a0])
      let error = #expect(throws: PASIDCapabilityRefusal.self) {
        try bench.function.show(Self.full)
      }
      #expect(error?.reason == .placement(.damaged(problem)))
      #expect(bench.guestChain.problem == nil)
    }
  }

  @Test func `A function without a PCI Express capability has no extended ones`() throws {
    let bench = try bench(HostChain(Self.adapter))
    bench.function.expressCapability = nil
    let error = #expect(throws: PASIDCapabilityRefusal.self) { try bench.function.show(Self.full) }
    #expect(error?.reason == .notExpress)
    let wide = FunctionPASID.capability(width: 21, exec: false, privileged: false)
    #expect(
      #expect(throws: PASIDCapabilityRefusal.self) { try bench.function.show(wide) }?.reason
        == .width(21))
  }

  // MARK: - Once and again

  @Test func `It can be shown, changed and hidden again until nothing of it is left`() throws {
    for chain in [HostChain(Self.adapter), HostChain(), HostChain([(0x10, 0x100)])] {
      let bench = try bench(chain)
      let before = bench.guestView
      try bench.function.show(Self.full)
      let first = bench.guestView
      try bench.function.show(.capability(width: 5, exec: false, privileged: true))
      let offset = try #require(bench.function.pasidCapability)
      #expect(bench.read(offset + 4, 4) == 0x0504)
      #expect(bench.guestChain.capabilities.filter { $0.id == .pasid }.count == 1)
      try bench.function.show(Self.full)
      #expect(bench.guestView == first)
      try bench.function.show(.none(.deviceHasNone))
      #expect(bench.guestView == before)
      #expect(bench.function.pasidCapability == nil)
      // What was covered is the host's again.
      bench.write(offset + 4, 4, .max)
      #expect(bench.guestView == before)
    }
  }

  @Test func `The same once more leaves what the guest has set`() throws {
    let bench = try bench(HostChain(Self.adapter))
    try bench.function.show(Self.full)
    bench.write(0xffe, 2, 7)
    _ = bench.log.take()
    try bench.function.show(Self.full)
    #expect(bench.read(0xffe, 2) == 7)
    #expect(bench.log.take() == [])
    try bench.function.show(.capability(width: 20, exec: true, privileged: false))
    #expect(bench.read(0xffe, 2) == 0)
  }

  // MARK: - What a guest writes

  @Test(
    arguments: [
      (false, false, 1), (true, false, 3), (false, true, 5), (true, true, 7),
    ] as [(Bool, Bool, UInt32)], [1, 2, 4])
  func `Of control a guest sets what the capability has, and nothing else of it`(
    shape: (exec: Bool, privileged: Bool, control: UInt32), length: Int
  ) throws {
    let bench = try bench(HostChain(Self.adapter))
    try bench.function.show(
      .capability(width: 16, exec: shape.exec, privileged: shape.privileged))
    let header = bench.read(0xff8, 4)
    bench.host.configWrites.withLock { $0 = [] }
    for offset in stride(from: 0xff8, to: 0x1000, by: length) { bench.write(offset, length, .max) }
    #expect(bench.read(0xff8, 4) == header)
    let capability: UInt32 = 0x1000 | (shape.exec ? 2 : 0) | (shape.privileged ? 4 : 0)
    #expect(bench.read(0xffc, 4) == shape.control << 16 | capability)
    for offset in stride(from: 0xff8, to: 0x1000, by: length) { bench.write(offset, length, 0) }
    #expect(bench.read(0xffc, 4) == capability)
    // Below it may lie what the kernel hides but does not protect.
    #expect(bench.host.configWrites.withLock { $0 } == [])
  }

  @Test func `A write that begins before it or ends behind it reaches the host without it`() throws
  {
    let bench = try bench(HostChain(Self.adapter), at: .at(0x200))
    try bench.function.show(Self.full)
    bench.host.configWrites.withLock { $0 = [] }
    bench.write(0x1fe, 4, .max)
    bench.write(0x206, 4, .max)
    bench.write(0x20c, 4, .max)
    #expect(
      bench.host.configWrites.withLock { $0 } == [
        0x1fe..<0x1ff, 0x1ff..<0x200, 0x208..<0x209, 0x209..<0x20a, 0x20c..<0x210,
      ])
    #expect(bench.read(0x200, 4) & 0xffff == 0x1b)
    #expect(bench.read(0x206, 2) == 7)
  }

  // MARK: - Resets

  /// Ways to reset a function.
  enum Reset: CaseIterable {
    case machine
    case functionLevel
    case powerLoss
    case hotReset
  }

  @Test(arguments: Reset.allCases)
  func `Every reset switches it off and leaves it where it is`(reset: Reset) throws {
    // Without a reset of its own, the function is reset as part of its bus.
    let bench = try bench(HostChain(Self.adapter), hasFLR: reset != .hotReset)
    try bench.function.show(Self.full)
    bench.write(0xffe, 2, 7)
    #expect(bench.read(0xffe, 2) == 7)
    let before = bench.guestChain
    switch reset {
    case .machine: bench.function.reset()
    case .functionLevel: bench.write(Bench.pcie + 8, 2, 0x8000)
    case .powerLoss: bench.function.losePower()
    case .hotReset:
      bench.function.abilities.hasReset = false
      bench.coordinator.reset(bench.function)
      #expect(bench.log.take().contains { $0.hasSuffix("hot reset: Success") })
    }
    #expect(bench.read(0xffe, 2) == 0)
    #expect(bench.read(0xffc, 2) == 0x1406)
    #expect(bench.guestChain == before)
    bench.write(0xffe, 2, 3)
    #expect(bench.read(0xffe, 2) == 3)
  }

  // MARK: - Any chain

  @Test(arguments: 0..<8 as Range<UInt64>)
  func `A guest finds the host's capabilities without the hidden ones, and it once`(
    seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    var shown = 0
    for run in 0..<40 {
      let chain = HostChain.random(using: &generator)
      let ats = ATSDecision.Request.allCases.randomElement(using: &generator) ?? .auto
      var options = FunctionOptions()
      options.ats = ats == .on ? .auto : ats
      let bench = try Bench(Self.device, options: options, extendedCapabilities: chain)
      let host = CapabilityWalk.extended(in: chain.bytes)
      let without = bench.guestView
      let expected = host.capabilities.filter { capability in
        switch capability.id {
        case .null, .ari, .sriov, .pasid: false
        case .ats: bench.function.isATSShown
        // Shown when its sizes make sense, which other tests look at.
        case .resizableBAR:
          CapabilityWalk.extended(in: without).capabilities.contains {
            $0.offset == capability.offset
          }
        default: true
        }
      }.map { "\($0.offset) \($0.id) \($0.version)" }
      do throws(PASIDCapabilityRefusal) {
        try bench.function.show(Self.full)
        shown += 1
      } catch {
        #expect(bench.guestView == without, "seed \(seed) run \(run)")
      }
      let view = bench.guestView
      let walk = CapabilityWalk.extended(in: view)
      let own = bench.function.pasidCapability
      #expect(walk.problem == nil, "seed \(seed) run \(run)")
      #expect(
        walk.capabilities.filter { $0.id != .null && $0.offset != own }.map {
          "\($0.offset) \($0.id) \($0.version)"
        } == expected, "seed \(seed) run \(run)")
      #expect(
        walk.capabilities.filter { $0.id == .pasid }.map(\.offset) == (own.map { [$0] } ?? []),
        "seed \(seed) run \(run)")
      // Nothing but links and the capability itself differs from the function without it.
      let links = Set(walk.capabilities.flatMap { $0.offset..<$0.offset + 4 })
      let span = own.map { $0..<$0 + 8 } ?? 0..<0
      #expect(
        view.indices.allSatisfy {
          view[$0] == without[$0] || links.contains($0) || span.contains($0)
        }, "seed \(seed) run \(run)")
    }
    #expect(shown > 10)
  }

  // MARK: - As others see it

  @Test(.enabled(if: PCIUtilities.hasLspci, "needs lspci"))
  func `lspci finds it in every chain with its width and permissions`() throws {
    for (pasid, capability, control) in [
      (Self.full, "PASIDCap: Exec+ Priv+, Max PASID Width: 14", "PASIDCtl: Enable+ Exec+ Priv+"),
      (
        .capability(width: 16, exec: false, privileged: true),
        "PASIDCap: Exec- Priv+, Max PASID Width: 10", "PASIDCtl: Enable+ Exec- Priv+"
      ),
    ] {
      for layout in Self.layouts {
        let bench = try bench(HostChain(layout.chain), at: layout.place)
        try bench.function.show(pasid)
        let offset = try #require(bench.function.pasidCapability)
        bench.write(offset + 6, 2, .max)
        let text = try #require(PCIUtilities.describe(PCIUtilities.dump(bench.guestView)))
        let place = String(offset, radix: 16)
        #expect(
          text.contains("[\(place) v1] Process Address Space ID (PASID)"),
          "\(layout.testDescription): \(text)")
        #expect(text.contains(capability), "\(text)")
        #expect(text.contains(control), "\(text)")
        // Every capability of the guest's chain is one that lspci finds, and no other.
        let found = text.split(separator: "\n").filter {
          $0.contains("Capabilities: [") && ($0.prefix { $0 != "]" }).contains(" v")
        }
        #expect(found.count == layout.found.count, "\(layout.testDescription): \(text)")
        #expect(!text.contains("<chain looped>"))
      }
    }
  }
}

extension FunctionBench {
  /// A function with these extended capabilities on the host.
  convenience init(
    _ device: Device, options: FunctionOptions, extendedCapabilities chain: HostChain
  ) throws {
    try self.init(device, options: options, extendedConfig: chain.bytes)
  }
}
