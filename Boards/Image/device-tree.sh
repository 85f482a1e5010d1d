#!/usr/bin/env bash
# A board's device tree out of Debian's kernel, with SPI switched on: spidev on both chip selects of the header. The I2C
# bus of the header is number 1 by its name here, whichever driver comes first: on a Raspberry Pi 4 those of the HDMI
# connectors are another one's.
#   Boards/Image/device-tree.sh FROM.dtb TO.dtb
set -euo pipefail
{
  dtc -q -I dtb -O dts "$1"
  cat <<'DTS'
/ {
  aliases {
    i2c0 = "/soc/i2c@7e205000";
    i2c1 = "/soc/i2c@7e804000";
  };
};
&{/soc/spi@7e204000} {
  status = "okay";
  pinctrl-names = "default";
  pinctrl-0 = <&{/soc/gpio@7e200000/spi0_gpio7}>;
  cs-gpios = <&{/soc/gpio@7e200000} 8 1>, <&{/soc/gpio@7e200000} 7 1>;
  /* The kernel takes no plain "spidev"; of the names that it takes this is a radio's. */
  spidev@0 {
    compatible = "semtech,sx1301";
    reg = <0>;
    spi-max-frequency = <10000000>;
  };
  spidev@1 {
    compatible = "semtech,sx1301";
    reg = <1>;
    spi-max-frequency = <10000000>;
  };
};
DTS
} | dtc -q -I dts -O dtb -o "$2"
