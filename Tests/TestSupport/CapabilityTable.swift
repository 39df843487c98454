/// Hosts, what is asked of the vIOMMU on them, and what comes of it: for the resolver alone and for
/// machines on hosts that are simulated.
package enum CapabilityTable {
  package struct Row: Sendable, CustomStringConvertible {
    /// Names of devices, as `Devices` of the resolver's tests has them.
    package let devices: String
    package let request: String
    /// `property=value:limiter` for each property looked at, without the limiter where nobody limits;
    /// `!property:device=working` for each refusal; `device#pasid` for a function's capability.
    package let expected: String

    init(_ devices: String, _ request: String, _ expected: String) {
      self.devices = devices
      self.request = request
      self.expected = expected
    }

    package var description: String { "[\(devices)] \(request)" }
  }

  /// Everything not named is `auto`.
  package static let rows = [
    // Address width.
    Row("", "", "aw-bits=48 pasid-bits=20 snoop-control=on device-iotlb=on caching-mode=on"),
    Row("lab", "aw-bits=auto", "aw-bits=39:lab"),
    Row("lab", "aw-bits=48", "!aw-bits:lab=39"),
    Row("lab", "aw-bits=39", "aw-bits=39:request"),
    Row("gpu", "aw-bits=auto", "aw-bits=48"),
    Row("gpu", "aw-bits=39", "aw-bits=39:request"),
    Row("gpu b39", "", "aw-bits=39:b39"),
    Row("gpu b39", "aw-bits=48", "!aw-bits:b39=39"),
    Row("lab b39", "", "aw-bits=39:b39,lab"),
    Row("lab b39", "aw-bits=48", "!aw-bits:b39=39 !aw-bits:lab=39"),
    Row("b57", "", "aw-bits=48"),
    Row("amd", "", "aw-bits=48"),
    Row("narrow", "", "!aw-bits:narrow=-"),
    Row("narrow", "aw-bits=39", "!aw-bits:narrow=-"),
    Row("groupunknown", "", "aw-bits=48"),
    Row("gpu", "reserve-aw-bits=47", "aw-bits=39:reserve-aw-bits"),
    Row("gpu", "aw-bits=48,reserve-aw-bits=39", "!aw-bits:reserve-aw-bits=39"),
    Row("lab", "reserve-aw-bits=39", "aw-bits=39:reserve-aw-bits,lab"),
    Row("gpu", "reserve-aw-bits=32", "!aw-bits:reserve-aw-bits=-"),
    // Caching mode, translation.
    Row("", "caching-mode=off", "caching-mode=off:request"),
    Row("gpu", "caching-mode=off", "!caching-mode:gpu=on"),
    Row("gpu lab", "caching-mode=off", "!caching-mode:gpu=on !caching-mode:lab=on"),
    Row("gpu", "caching-mode=on", "caching-mode=on:request"),
    Row("pages64k", "", "dma-translation=off:pages64k"),
    Row("pages64k gpu", "dma-translation=on", "!dma-translation:pages64k=off"),
    // Interrupts.
    Row("gpu", "", "intremap=on eim=off:machine"),
    Row("gpu", "intremap=off", "intremap=off:request eim=off:machine,intremap"),
    Row("gpu", "eim=on", "eim=on:request intremap=on"),
    // PASID width.
    Row("gpu", "", "pasid-bits=20 gpu#20xp"),
    Row("x710.0", "", "pasid-bits=20 x710.0#20x"),
    Row("x710.0 x710.1", "", "pasid-bits=0:x710.1 x710.0#notOffered x710.1#deviceHasNone"),
    Row("x710.0 x710.1", "pasid-bits=20", "pasid-bits=20:request x710.0#20x x710.1#deviceHasNone"),
    Row("x710.0", "pasid-bits=8", "pasid-bits=8:request x710.0#8x"),
    Row("x710.0", "pasid-bits=0", "pasid-bits=0:request x710.0#notOffered"),
    Row("x710.0", "scalable-mode=off", "pasid-bits=0:scalable-mode x710.0#notOffered"),
    Row("priv plain", "", "pasid-bits=16:plain,priv priv#16p plain#16"),
    Row("gpu p16", "", "pasid-bits=16:p16 gpu#16xp p16#16x"),
    Row("gpu p16", "pasid-bits=20", "!pasid-bits:p16=16"),
    Row("gpu p16 p8", "pasid-bits=20", "!pasid-bits:p16=8 !pasid-bits:p8=8"),
    Row("gpu p16 p8", "", "pasid-bits=8:p8 gpu#8xp p16#8x p8#8"),
    Row("gpu p16 p8", "pasid-bits=8", "pasid-bits=8:request p16#8x"),
    Row("p0", "", "pasid-bits=0:p0 p0#deviceHasNone"),
    Row("gpu p0", "", "pasid-bits=0:p0 gpu#notOffered"),
    Row("gpu p0", "pasid-bits=20", "pasid-bits=20:request gpu#20xp p0#deviceHasNone"),
    Row("priv gpu", "pasid-bits=20", "pasid-bits=20:request gpu#20xp priv#16p"),
    Row("gpu p8none", "", "pasid-bits=0:p8none gpu#notOffered"),
    Row("gpu p8none", "pasid-bits=20", "pasid-bits=20:request gpu#20xp p8none#deviceHasNone"),
    Row("lab", "", "pasid-bits=0:lab lab#deviceHasNone"),
    Row("lab", "pasid-bits=20", "pasid-bits=20:request lab#deviceHasNone"),
    Row("amd", "", "pasid-bits=19:amd amd#19xp"),
    Row("amd", "pasid-bits=20", "pasid-bits=20:request amd#19xp"),
    Row("smmu", "", "pasid-bits=16:smmu smmu#16x"),
    Row("smmu", "pasid-bits=20", "!pasid-bits:smmu=16"),
    Row("strange", "", "pasid-bits=12:strange strange#12"),
    Row("strange", "pasid-bits=20", "pasid-bits=20:request strange#12"),
    Row("gpu group", "", "pasid-bits=0:group group#legacyBackend gpu#notOffered"),
    Row("gpu group", "pasid-bits=20", "pasid-bits=20:request group#legacyBackend gpu#20xp"),
    Row("gpu mute", "", "pasid-bits=0:mute mute#noInformation"),
    Row("silent", "", "pasid-bits=0:silent silent#deviceHasNone"),
    Row("gpu", "reserve-pasid-bits=16", "pasid-bits=16:reserve-pasid-bits gpu#16xp"),
    Row("gpu p8", "reserve-pasid-bits=16", "pasid-bits=8:p8"),
    Row("gpu", "pasid-bits=20,reserve-pasid-bits=16", "!pasid-bits:reserve-pasid-bits=16"),
    // Snoop control and device TLB.
    Row("gpu", "", "snoop-control=on device-iotlb=on"),
    Row("gpu nosnoop", "", "snoop-control=off:nosnoop device-iotlb=on"),
    Row("gpu nosnoop", "snoop-control=on", "!snoop-control:nosnoop=off"),
    Row("smmu", "snoop-control=on", "snoop-control=on:request"),
    Row("smmu", "", "snoop-control=off:smmu device-iotlb=on"),
    Row("amd", "", "snoop-control=on device-iotlb=on"),
    Row("group", "", "snoop-control=off:group device-iotlb=off:group"),
    Row("gpu nodt", "", "device-iotlb=off:nodt"),
    Row("gpu nodt", "device-iotlb=on", "device-iotlb=on:request"),
    Row("gpu dtlie", "device-iotlb=on", "!device-iotlb:dtlie=off"),
    Row("gpu", "reserve-device-iotlb=off", "device-iotlb=off:reserve-device-iotlb"),
    // First stage.
    Row("nest", "", "fsts=off:machine fs1gp=off:fsts"),
    Row("nest", "fsts=on", "fsts=on:request fs1gp=on aw-bits=48"),
    Row("nest nest2m", "fsts=on", "fsts=on:request fs1gp=off:nest2m"),
    Row("nest nest2m", "fsts=on,fs1gp=on", "!fs1gp:nest2m=off"),
    Row("fsonly", "fsts=on", "!fsts:fsonly=off"),
    Row("gpu", "fsts=on", "!fsts:gpu=off"),
    Row("old", "fsts=on,aw-bits=auto", "!fsts:old=off"),
    Row("nest group", "fsts=on", "!fsts:group=off"),
    Row("nest amd", "fsts=on", "!fsts:amd=off"),
    Row("nestbridge", "fsts=on", "!fsts:nestbridge=off"),
    Row("nest", "fsts=on,reserve-aw-bits=39", "!fsts:reserve-aw-bits=off"),
    Row(
      "nest", "svm=on", "svm=on:request fsts=on device-iotlb=on pasid-bits=20 nest#20"),
    Row("nest p0", "svm=on,fsts=auto", "!svm:p0=off"),
  ]
}
