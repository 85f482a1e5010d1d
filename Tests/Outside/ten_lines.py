import pathlib
import sys
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message
folder = pathlib.Path(sys.argv[1])
checkpoint = Sign1Message.decode((folder / "checkpoint.cose").read_bytes())
checkpoint.key = OKPKey(Ed25519, x=(folder / "device.pub").read_bytes(), optional_params={})
sys.exit(0 if checkpoint.verify_signature() else "the signature is false")
