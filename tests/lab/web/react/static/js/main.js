// What a bundler leaves behind, as far as the lab is concerned.
document.getElementById("root").dataset.rendered = "true";
