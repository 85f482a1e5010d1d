// ES256 and the faster hashes are part of what this module offers: whoever has a gateway's store verifies too.
@_exported import HostCryptography
