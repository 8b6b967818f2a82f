// Asks the program that serves the page what it is, and shows the answer.
fetch('/about')
  .then(function (answer) {
    return answer.text();
  })
  .then(function (whatItSaid) {
    document.getElementById('said').textContent = 'This page is served by ' + whatItSaid + '.';
  });

// Shows the log as it grows, until it is told to end.
document.getElementById('show').onclick = function () {
  fetch('/log').then(function (answer) {
    var reader = answer.body.getReader();
    var decoder = new TextDecoder();
    function show(part) {
      if (part.done) return;
      document.getElementById('log').textContent += decoder.decode(part.value, { stream: true });
      reader.read().then(show);
    }
    reader.read().then(show);
  });
};
document.getElementById('end').onclick = function () {
  fetch('/end');
};
