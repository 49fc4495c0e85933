const dialog = document.createElement("dialog");
const large = document.createElement("img");
dialog.append(large);
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
document.querySelectorAll(".strip img").forEach((image) => image.addEventListener("click", () => {
  large.src = image.src; large.alt = image.alt; dialog.showModal();
}));
