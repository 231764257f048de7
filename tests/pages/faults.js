// What keeps a page from being read by everybody, on a screen of this width: a list of complaints, empty where all is well.
() => {
  const faults = [];
  const complain = (what, elements) => {
    for (const element of elements) faults.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) faults.push(`scrolls sideways: ${root.scrollWidth} in ${innerWidth}`);
  const beyond = (element) => element.getBoundingClientRect().right > innerWidth + 1;
  complain("reaches beyond the screen", all("main *").filter((element) => !element.closest(".scroll") && beyond(element)));
  if (root.lang !== "en") faults.push(`language is ${root.lang}`);
  if (all("h1").length !== 1) faults.push(`${all("h1").length} main headings`);
  let level = 0;
  for (const heading of all("h1,h2,h3,h4,h5,h6")) {
    if (heading.tagName[1] > level + 1) complain("heading skips a level", [heading]);
    level = Number(heading.tagName[1]);
  }
  complain("picture without a text", all("svg").filter((svg) => !svg.ariaLabel && !svg.ariaHidden));
  complain("table without headers", all("table").filter((table) => !table.querySelector("thead th[scope=col]")));
  complain("row without a header", all("tbody tr").filter((row) => !row.querySelector("th[scope=row]")));
  complain("scrolls, but not by keyboard", all(".scroll").filter((box) => box.tabIndex !== 0 || !box.ariaLabel));
  return faults;
}
