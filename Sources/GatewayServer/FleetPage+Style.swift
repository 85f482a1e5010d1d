extension FleetPage {
  /// Everything in front of the page's own content. No colour says something that words do not.
  static let head = """
    <!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="refresh" content="15"><meta name="color-scheme" content="light dark">
    <title>Cairn gateway</title><style>
    :root { --ground: #f6f5f1; --card: #fff; --ink: #23261f; --soft: #5f6458; --line: #dedcd2;
      --good: #2d6a3e; --bad: #a8321f; --mark: #e9e6da; --alarm: #fbeeea }
    @media (prefers-color-scheme: dark) { :root { --ground: #171916; --card: #20231f;
      --ink: #e6e6df; --soft: #a3a89b; --line: #343830; --good: #7fc48f; --bad: #f2a192;
      --mark: #2d312a; --alarm: #33221e } }
    * { box-sizing: border-box }
    body { margin: 0; background: var(--ground); color: var(--ink);
      font: 15px/1.5 system-ui, sans-serif }
    header, main, footer { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem }
    header { padding-top: 1.75rem } h1 { margin: 0; font-size: 1.5rem; letter-spacing: -.01em }
    header p, footer, nav, small, dt, .empty, .totals span { color: var(--soft) }
    header p { margin: .15rem 0 1.25rem } footer { padding-bottom: 1.5rem; font-size: .85rem }
    code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
    .totals { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)) }
    .totals div, article { background: var(--card); border: 1px solid var(--line);
      border-radius: .6rem }
    .totals div { padding: .75rem 1rem } .totals span { font-size: .85rem }
    .totals strong { display: block; font-size: 1.6rem; line-height: 1.2;
      font-variant-numeric: tabular-nums }
    .who { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere }
    footer h2 { font-size: .95rem; margin: 1.5rem 0 0; color: var(--ink) }
    footer p { margin: .15rem 0 0 }
    article { padding: 1rem 1.25rem; margin: 1rem 0 }
    h2 { margin: 0; font-size: 1.05rem } article > p { margin: .25rem 0 .5rem }
    a { color: inherit; text-underline-offset: .2em }
    nav { margin-top: .75rem } nav a { display: inline-block; margin-right: 1rem; padding: .2rem 0 }
    .badge { font-size: .75rem; font-weight: 600; background: var(--mark); color: var(--soft);
      border-radius: 1rem; padding: .1rem .6rem; white-space: nowrap }
    .good { color: var(--good) } .bad strong, .problems b { color: var(--bad) }
    .problems { list-style: none; margin: .5rem 0; padding: .5rem .75rem; background: var(--alarm);
      border-left: .25rem solid var(--bad); border-radius: .3rem }
    .coverage { overflow-x: auto } .coverage h2 { margin-top: 1.5rem }
    .coverage > p { margin: .15rem 0 .5rem }
    table { width: 100%; border-collapse: collapse; background: var(--card);
      border: 1px solid var(--line); font-size: .9rem; font-variant-numeric: tabular-nums }
    th, td { text-align: left; vertical-align: top; padding: .4rem .75rem;
      border-top: 1px solid var(--line) } th { font-size: .8rem; color: var(--soft) }
    td:first-child { white-space: nowrap } td ul { margin: 0; padding: 0; list-style: none }
    td .bad { color: var(--bad) } td code, th { white-space: nowrap }
    td.number, th.number { text-align: right; white-space: nowrap } details summary { cursor: pointer }
    .checks { margin: .3rem 0 0; padding: 0; list-style: none }
    .checks li { margin: .15rem 0 } .checks b { font-weight: 600 }
    .refusals h2 { font-size: .95rem; margin-top: 1rem }
    .refusals ul { margin: .15rem 0 0; padding-left: 1.1rem }
    .sensor { display: flex; flex-wrap: wrap; gap: .1rem 1.5rem; padding: .4rem 0;
      border-top: 1px solid var(--line) }
    h3 { margin: 0; font-size: 1rem; flex: 0 0 15rem }
    small { display: block; font-weight: 400; font-size: .8rem }
    dl { display: flex; flex-wrap: wrap; gap: .1rem 0; margin: 0; flex: 1 1 15rem }
    dl div { flex: 0 0 8.5rem } dt { font-size: .8rem } dd { margin: 0 }
    @media (max-width: 30rem) { dl { column-gap: .75rem }
      dl div { flex: 0 0 auto; min-width: 5.25rem } }
    dd strong { font-variant-numeric: tabular-nums }
    </style></head><body>
    """
}
