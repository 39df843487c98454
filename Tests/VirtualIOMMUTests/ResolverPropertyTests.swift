import TestSupport
import Testing
import VirtualIOMMU

@Suite struct ResolverPropertyTests {
  /// A request that takes each property as given, `auto` half of the time.
  private static func randomRequest(_ generator: inout SeededGenerator) -> VIOMMURequest {
    var request = VIOMMURequest([.sharedVirtualMemory: 0])
    for property in VIOMMUProperty.allCases where property != .sharedVirtualMemory {
      switch Int.random(in: 0...7, using: &generator) {
      case 0: request[property] = property.candidates.randomElement(using: &generator)
      case 1 where property.isReservable:
        request.reserves[property] = property.candidates.randomElement(using: &generator)
      default: break
      }
    }
    return request
  }

  private static func randomMachine(_ generator: inout SeededGenerator) -> VIOMMUMachine {
    VIOMMUMachine(
      remapsInterrupts: Bool.random(using: &generator),
      hasX2APIC: Bool.random(using: &generator), nests: Bool.random(using: &generator))
  }

  private static func result(
    _ request: VIOMMURequest, _ devices: [DeviceFacts], _ machine: VIOMMUMachine
  ) -> Result<Resolution, ResolutionError> {
    do throws(ResolutionError) {
      return .success(try Resolver.resolve(request, devices: devices, machine: machine))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `The order of devices changes nothing`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<10 {
      let devices = (0..<5).map { Devices.random("d\($0)", using: &generator) }
      let request = Self.randomRequest(&generator)
      let machine = Self.randomMachine(&generator)
      let expected = Self.result(request, devices, machine)
      for _ in 0..<4 {
        #expect(
          Self.result(request, devices.shuffled(using: &generator), machine) == expected)
      }
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `Another device never widens a value nor a function's PASIDs, nor helps a refusal`(
    seed: UInt64
  ) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<10 {
      let request = Self.randomRequest(&generator)
      let machine = Self.randomMachine(&generator)
      var devices: [DeviceFacts] = []
      var before = Self.result(request, devices, machine)
      for index in 0..<5 {
        devices.append(Devices.random("d\(index)", using: &generator))
        let after = Self.result(request, devices, machine)
        if case .success(let after) = after {
          guard case .success(let before) = before else {
            Issue.record("a device made a refused request work")
            return
          }
          for property in VIOMMUProperty.allCases {
            #expect(after.values[property] <= before.values[property], "\(property)")
          }
          for device in before.devices {
            #expect(Self.width(after.pasid(of: device)) <= Self.width(before.pasid(of: device)))
          }
        }
        before = after
      }
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `Every device can live with the result, and what was asked for is exactly that`(
    seed: UInt64
  ) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20 {
      let devices = (0..<4).map { Devices.random("d\($0)", using: &generator) }
      let request = Self.randomRequest(&generator)
      let machine = Self.randomMachine(&generator)
      guard case .success(let resolution) = Self.result(request, devices, machine) else {
        continue
      }
      for property in VIOMMUProperty.allCases {
        if let asked = request[property] { #expect(resolution.values[property] == asked) }
        if let reserve = request.reserves[property] {
          #expect(resolution.values[property] <= reserve)
        }
        #expect(property.candidates.contains(resolution.values[property]))
      }
      var frozen = FrozenCapabilities(resolution)
      for device in devices {
        #expect(throws: Never.self) { try frozen.admit(device) }
        if case .capability(let width, _, _) = resolution.pasid(of: device) {
          #expect((1...resolution.values.pasidWidth).contains(width))
          #expect(width <= device.information?.pasidWidth ?? 0)
        }
      }
      #expect(frozen.resolution == resolution)
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func
    `A limited value names who keeps it from being larger, and asking for more is refused by them`(
      seed: UInt64
    )
  {
    var generator = SeededGenerator(seed: seed)
    let devices = (0..<4).map { Devices.random("d\($0)", using: &generator) }
    let machine = VIOMMUMachine(hasX2APIC: true, nests: true)
    let request = VIOMMURequest([.sharedVirtualMemory: 0, .firstStage1GiB: 0])
    guard case .success(let resolution) = Self.result(request, devices, machine) else { return }
    for decision in resolution.decisions where decision.requested == nil {
      guard let larger = decision.property.candidates.last(where: { $0 > decision.effective })
      else {
        #expect(decision.limiters.isEmpty)
        continue
      }
      #expect(!decision.limiters.isEmpty)
      var bold = request
      bold[decision.property] = larger
      switch Self.result(bold, devices, machine) {
      case .success:
        #expect(decision.limits.allSatisfy { !$0.isBinding })
      case .failure(.refused(let refusals)):
        let binding = Set(decision.limits.filter(\.isBinding).map(\.limiter))
        #expect(
          Set(refusals.filter { $0.property == decision.property }.map(\.limiter)) == binding)
      case .failure(.properties(let error)): Issue.record("\(error.message)")
      }
    }
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `The value that a refusal proposes works`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20 {
      let devices = (0..<3).map { Devices.random("d\($0)", using: &generator) }
      var request = VIOMMURequest([.sharedVirtualMemory: 0])
      guard let property = VIOMMUProperty.allCases.randomElement(using: &generator) else { return }
      request[property] = property.candidates.first
      guard property != .sharedVirtualMemory,
        case .failure(.refused(let refusals)) = Self.result(request, devices, VIOMMUMachine())
      else { continue }
      for refusal in refusals where refusal.property == property {
        guard let working = refusal.working else { continue }
        var better = request
        better[property] = working
        if case .failure(.refused(let left)) = Self.result(better, devices, VIOMMUMachine()) {
          #expect(!left.contains { $0.property == property })
        }
      }
    }
  }

  private static func width(_ pasid: FunctionPASID) -> Int {
    if case .capability(let width, _, _) = pasid { width } else { 0 }
  }
}
