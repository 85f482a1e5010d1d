/// Help of the command that an image runs at each start.
extension Help {
  static var bootFileApply: StaticString {
    """
    cairn boot-file apply FOLDER [--config FILE]

      Takes FOLDER/cairn.ini over as this node's configuration: the site file and,
      beside it, host-name, wireless.conf and enrolment.ini. A file that is not fit
      to be it is refused line by line, here and in FOLDER/cairn-errors.txt, and
      what held before holds on. An invite in it is kept beside the site file, and
      then written over in cairn.ini. docs/image.md has what may stand in it.

      Exit status 0; 69 when there is no cairn.ini, 74 when something could not be
      written, 75 when FOLDER is to be written and is read only, 78 when the file
      is refused.

    """
  }
}
